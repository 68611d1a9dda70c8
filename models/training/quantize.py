"""Rows of float64 weights as int8 with a 16-bit multiplier and a shift: weight = w8 * m / 2^sh."""

from dataclasses import dataclass, field

import numpy as np


@dataclass
class Rows:
    """w8 int8 [rows, inputs]; m int64 [rows] in [2^15, 2^16); sh int64 [rows]; bias int64 [rows], 16 fraction bits."""

    w8: np.ndarray
    m: np.ndarray
    sh: np.ndarray
    bias: np.ndarray = field(default=None)

    def __post_init__(self):
        if self.bias is None:
            self.bias = np.zeros(len(self.w8), np.int64)

    def floats(self):
        return self.w8 * (self.m * 2.0 ** -self.sh.astype(np.float64))[:, None]


def quantize_rows(weights):
    """The row scale max|w| / 127 is rounded up to a 16-bit mantissa first, so the multiplier itself adds no error and
    every quantised weight lies in [-127, 127]."""
    scale = np.maximum(np.abs(weights).max(1), 2.0**-24) / 127
    exponent = np.floor(np.log2(scale)).astype(np.int64)
    m = np.ceil(scale * 2.0 ** (15.0 - exponent)).astype(np.int64)
    carry = m == 1 << 16
    m, exponent = np.where(carry, 1 << 15, m), exponent + carry
    sh = 15 - exponent
    w8 = np.round(weights / (m * 2.0 ** -sh.astype(np.float64))[:, None])
    assert np.abs(w8).max() <= 127 and ((m >= 1 << 15) & (m < 1 << 16)).all()
    return Rows(w8.astype(np.int8), m, sh)


def exp_table():
    """X[i] = round(65535 * 2^(-i/256)), u16."""
    return np.round(65535 * 2.0 ** (-np.arange(256) / 256)).astype(np.int64)


def sigmoid_table():
    """Sg[i] = round(2^15 / (1 + e^(-i/64))), i = 0..512, last entry 2^15."""
    table = np.round(32768 / (1 + np.exp(-np.arange(513) / 64))).astype(np.int64)
    table[512] = 32768
    return table


def rope_tables(context, head_dim, theta):
    """(cos, sin) in Q14, each int64 [context, headDim / 2]."""
    angle = np.arange(context)[:, None] * theta ** (-np.arange(0, head_dim, 2) / head_dim)[None]
    return tuple(np.round(f(angle) * 16384).astype(np.int64) for f in (np.cos, np.sin))


def sampling_table():
    """E[i] = round((2^24 - 1) * 2^(-i/1024)), u24."""
    return np.round((2**24 - 1) * 2.0 ** (-np.arange(1024) / 1024)).astype(np.int64)
