"""Offline preparation of float weights for 8-bit integer arithmetic. Every step leaves the float function unchanged.

1. norm gains go into the next matrices; the head gets a matrix of its own;
2. pair folds: a factor per channel moves between up and down, v and o, k and q, so that activations and weights on both
   sides quantise equally well (the idea of SmoothQuant, Xiao et al. 2023, on pairs where it costs nothing at run time);
3. the residual basis is turned by a random-sign Hadamard matrix (QuaRot, Ashkboos et al. 2024), which spreads outliers;
4. the columns of `down` are multiplied by H64 / 64, undone at run time by the 64-wide integer Hadamard transform;
5. constants the integer arithmetic leaves out go into the weights: sqrt(d) (its norm has unit length, not unit mean
   square) and log2(e) / sqrt(headDim) in q (its softmax is in base 2). All in float64."""

import numpy as np

from float_model import float_forward

UP_DOWN_EXPONENT = 0.75
UP_LIMIT = 32.0  # `up` saturates at 128 in the integers; the fold keeps it four times below on calibration text
TINY = 1e-6


def hadamard(n):
    """Sylvester's Hadamard matrix, entries +-1; n a power of two."""
    if n & (n - 1):
        raise ValueError(f"Hadamard matrix of size {n}: expected a power of two")
    h = np.ones((1, 1))
    while len(h) < n:
        h = np.block([[h, h], [h, -h]])
    return h


def fold_gains(config, weights):
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    for layer in range(config["layers"]):
        for gain, names in (("attnNorm", "qkv"), ("ffnNorm", ("gate", "up"))):
            g = w.pop(f"{layer}.{gain}")
            for name in names:
                w[f"{layer}.{name}"] = w[f"{layer}.{name}"] * g
    w["head"] = w["emb"] * w.pop("norm")
    return w


def calibrate(config, weights, tokens):
    """Name -> largest absolute value per channel over the calibration tokens [batch, time]."""
    seen = {}

    def see(name, value):
        kind = name.split(".")[1]
        if kind in ("up", "down"):
            seen[name] = np.abs(value).max((0, 1))  # [ffn]
        elif kind in "qkv":
            seen[name] = np.abs(value).max((0, 2))  # [heads or kvHeads, headDim]

    float_forward(config, weights, tokens, see)
    return {name: np.maximum(value, TINY) for name, value in seen.items()}


def centred(factor, axis=None):
    """The factor divided by its geometric mean."""
    return factor / np.exp(np.log(factor).mean(axis, keepdims=axis is not None))


def fold_pairs(config, weights, seen):
    w = dict(weights)
    kv, hd = config["kvHeads"], config["headDim"]
    group, half = config["heads"] // kv, hd // 2
    column_max = lambda matrix: np.maximum(np.abs(matrix).max(0), TINY)
    for layer in range(config["layers"]):
        up, down, v, o, q, k = (f"{layer}.{name}" for name in ("up", "down", "v", "o", "q", "k"))
        s = centred(seen[down] ** UP_DOWN_EXPONENT / column_max(w[down]) ** (1 - UP_DOWN_EXPONENT))
        s = np.maximum(s, seen[up] / UP_LIMIT)
        w[up], w[down] = w[up] / s[:, None], w[down] * s
        o_max = column_max(w[o]).reshape(kv, group, hd).max(1)
        s = centred(np.sqrt(seen[v] / o_max))  # [kv, hd]
        w[v], w[o] = w[v] / s.reshape(-1, 1), w[o] * np.repeat(s[:, None], group, 1).reshape(-1)
        k_max = seen[k].reshape(kv, 2, half).max(1)  # a RoPE pair shares its factor
        q_max = seen[q].reshape(kv, group, 2, half).max((1, 2))
        s = np.tile(centred(np.sqrt(k_max / q_max), axis=1), 2)  # [kv, hd]
        w[k], w[q] = w[k] / s.reshape(-1, 1), w[q] * np.repeat(s, group, 0).reshape(-1, 1)
    return w


def rotate_residual(config, weights, seed):
    """Turns the basis of the residual stream by diag(random signs) * Hadamard / sqrt(d)."""
    d = config["d"]
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], d)
    turn = signs[:, None] * hadamard(d) / np.sqrt(d)
    w = {}
    for name, value in weights.items():
        writes = name.endswith((".o", ".down"))
        w[name] = turn.T @ value if writes else value @ turn
    return w


def transform_down(config, weights):
    w = dict(weights)
    h = hadamard(64) / 64
    for layer in range(config["layers"]):
        name = f"{layer}.down"
        rows = len(w[name])
        w[name] = (w[name].reshape(rows, -1, 64) @ h).reshape(rows, -1)
    return w


def fold_constants(config, weights):
    w = dict(weights)
    root = np.sqrt(config["d"])
    for layer in range(config["layers"]):
        for name in ("q", "k", "v", "gate", "up"):
            w[f"{layer}.{name}"] = w[f"{layer}.{name}"] * root
        w[f"{layer}.q"] = w[f"{layer}.q"] * np.log2(np.e) / np.sqrt(config["headDim"])
    w["head"] = w["head"] * root
    return w


def prepare(config, weights, calibration, seed=0):
    """Float64 matrices ready to be quantised row by row: `emb`, `head`, `<layer>.q/k/v/o/gate/up/down`."""
    w = fold_gains(config, weights)
    w = fold_pairs(config, w, calibrate(config, w, calibration))
    w = rotate_residual(config, w, seed)
    return fold_constants(config, transform_down(config, w))
