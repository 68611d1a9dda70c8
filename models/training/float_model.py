"""The float decoder again in numpy, with a hook on inner values: used to calibrate the packer and to check the
transforms.

Accepts the weights of model.py and also prepared weights, where gains are folded (missing gains count as 1) and the
head is a matrix of its own."""

import numpy as np


def float_forward(config, weights, tokens, see=lambda name, value: None):
    """tokens int [batch, time] -> logits [batch, time, vocab]; see(name, value) is called with inner activations:
    `<layer>.q`, `.k` (after RoPE), `.v` as [batch, heads, time, headDim], `<layer>.gate`, `.up`, `.down` (input of
    `down`) as [batch, time, ffn], `<layer>.o` (input of `o`) as [batch, time, heads * headDim]."""
    heads, kv, hd = config["heads"], config["kvHeads"], config["headDim"]
    batch, time = tokens.shape
    angle = np.arange(time)[:, None] * config["theta"] ** (-np.arange(0, hd, 2) / hd)[None]
    kind = weights["emb"].dtype
    cos, sin = np.cos(angle).astype(kind), np.sin(angle).astype(kind)

    def norm(x, name):
        gain = weights.get(name)
        unit = x / np.sqrt((x * x).mean(-1, keepdims=True) + kind.type(config["eps"]))
        return unit if gain is None else unit * gain

    def rope(x):
        a, b = x[..., : hd // 2], x[..., hd // 2 :]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def split(x, n):
        return x.reshape(batch, time, n, hd).transpose(0, 2, 1, 3)

    future = np.triu(np.ones((time, time), bool), 1)
    x = weights["emb"][tokens]
    for layer in range(config["layers"]):
        w = lambda name: weights[f"{layer}.{name}"].T
        n = norm(x, f"{layer}.attnNorm")
        q, k, v = rope(split(n @ w("q"), heads)), rope(split(n @ w("k"), kv)), split(n @ w("v"), kv)
        for name, value in (("q", q), ("k", k), ("v", v)):
            see(f"{layer}.{name}", value)
        k, v = np.repeat(k, heads // kv, 1), np.repeat(v, heads // kv, 1)
        s = q @ k.transpose(0, 1, 3, 2) * kind.type(hd**-0.5)
        s = np.where(future, -np.inf, s)
        s = np.exp(s - s.max(-1, keepdims=True))
        a = ((s / s.sum(-1, keepdims=True)) @ v).transpose(0, 2, 1, 3).reshape(batch, time, heads * hd)
        see(f"{layer}.o", a)
        x = x + a @ w("o")
        n = norm(x, f"{layer}.ffnNorm")
        gate, up = n @ w("gate"), n @ w("up")
        y = gate / (1 + np.exp(-gate)) * up
        for name, value in (("gate", gate), ("up", up), ("down", y)):
            see(f"{layer}.{name}", value)
        x = x + y @ w("down")
    return norm(x, "norm") @ weights.get("head", weights["emb"]).T
