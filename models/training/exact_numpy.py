"""The exact integer forward in numpy int64, for many sequences at once: evaluation and calibration checks.

Same arithmetic as exact_forward.py (plain integers), from which every golden vector comes; evaluate.py asserts that
both give the same logits. Products of int8 run in float64 BLAS, which is exact because every partial sum is below
2^53."""

import numpy as np


def fit(x, bits):
    assert x.size == 0 or (x.min() >= -(1 << (bits - 1)) and x.max() < 1 << (bits - 1)), (
        int(x.min()),
        int(x.max()),
        bits,
    )
    return x


def rsh(x, s):
    s = np.asarray(s, np.int64)
    return (x + ((np.int64(1) << s) >> 1)) >> s


def bit_length(x):
    return np.frexp(x.astype(np.float64))[1].astype(np.int64)


def sat32(x):
    return np.clip(x, -(2**31 - 1), 2**31 - 1)


def requantize(a, m, s, seen=None):
    """RQ for arrays; asserts 1 <= s <= 47 and records the range of s seen."""
    fit(a, 32)
    s = np.asarray(s)
    if seen is not None:
        low, high = seen
        seen[:] = [min(low, int(s.min())), max(high, int(s.max()))]
    assert s.min() >= 1 and s.max() <= 47, (int(s.min()), int(s.max()))
    return sat32(rsh(a * m, s))


def to_int8(x):
    """x int64 [..., width] -> (int8 values, exponent [...])."""
    k = np.maximum(0, bit_length(np.abs(x).max(-1)) - 7)
    return np.clip(rsh(x, k[..., None]), -128, 127), k


def isqrt(x):
    r = np.floor(np.sqrt(x.astype(np.float64))).astype(np.int64)
    r = np.where(r * r > x, r - 1, r)
    return np.where((r + 1) * (r + 1) <= x, r + 1, r)


class ExactNumpy:
    """config: see model.py; rows: name -> Rows; tables: dict of exp, sigmoid, cos, sin; epsilon: floor(d * eps *
    2^32)."""

    def __init__(self, config, rows, tables, epsilon):
        self.config, self.rows, self.tables, self.epsilon = config, rows, tables, epsilon
        self.shifts = {}  # matrix kind -> smallest and largest shift of RQ seen
        self.peaks = {}  # name -> largest absolute value seen

    def peak(self, name, x):
        self.peaks[name] = max(self.peaks.get(name, 0), int(np.abs(x).max()))
        return x

    def linear(self, name, x8, exponent, fraction):
        r = self.rows[name]
        a = (x8.astype(np.float64) @ r.w8.T.astype(np.float64)).astype(np.int64)
        seen = self.shifts.setdefault(name.split(".")[-1], [99, -99])
        return requantize(a, r.m, r.sh[None] - exponent[:, None] - fraction, seen)

    def norm(self, h):
        M = np.abs(h).max(-1)
        k1 = np.maximum(0, bit_length(M) - 15)
        g = rsh(h, k1[:, None])
        ssq = (g * g).sum(-1) + (np.int64(self.epsilon) >> np.minimum(62, 2 * k1))
        z = (bit_length(ssq) + 1) // 2 - 16
        s = np.where(z >= 0, ssq >> np.maximum(2 * z, 0), ssq << np.maximum(-2 * z, 0))
        assert ((s >= 1 << 30) & (s < 1 << 32)).all()
        inv = (1 << 30) // isqrt(s)
        k = np.maximum(0, bit_length(rsh(M, k1) * inv) - 7)
        return np.clip(rsh(fit(g * inv[:, None], 32), k[:, None]), -128, 127), k - 30 - z

    def rope(self, y, heads, positions):
        half = self.config["headDim"] // 2
        y = y.reshape(len(y), heads, 2 * half)
        k = np.maximum(0, bit_length(np.abs(y).max(-1)) - 15)[..., None]
        y = rsh(y, k)
        a, b = y[..., :half], y[..., half:]
        c, s = self.tables["cos"][positions][:, None], self.tables["sin"][positions][:, None]
        return sat32(np.concatenate([rsh(fit(a * c - b * s, 32), 14), rsh(fit(b * c + a * s, 32), 14)], -1) << k)

    def attention(self, layer, x8, exponent, batch, time):
        c = self.config
        heads, kv, hd = c["heads"], c["kvHeads"], c["headDim"]
        positions = np.tile(np.arange(time), batch)
        q8, eq = to_int8(self.rope(self.linear(f"{layer}.q", x8, exponent, 16), heads, positions))
        k8, ek = to_int8(self.rope(self.linear(f"{layer}.k", x8, exponent, 16), kv, positions))
        v8, ev = to_int8(self.linear(f"{layer}.v", x8, exponent, 16).reshape(-1, kv, hd))

        def arrange(x, n):  # [batch * time, n(, hd)] -> [batch, heads, time(, hd)]
            x = x.reshape(batch, time, n, -1).transpose(0, 2, 1, 3)
            return np.repeat(x, heads // n, 1)

        q8, eq, k8, ek, v8, ev = (
            arrange(x, n) for x, n in ((q8, heads), (eq, heads), (k8, kv), (ek, kv), (v8, kv), (ev, kv))
        )
        past = np.tril(np.ones((time, time), bool))
        ek, ev = ek.transpose(0, 1, 3, 2), ev.transpose(0, 1, 3, 2)
        a = (q8.astype(np.float64) @ k8.transpose(0, 1, 3, 2).astype(np.float64)).astype(np.int64)
        sh = 24 - eq - ek
        score = fit(np.where(sh >= 0, rsh(a, np.clip(sh, 0, 31)), a << np.clip(-sh, 0, 9)), 32)
        top = np.where(past, score, -(1 << 31)).max(-1, keepdims=True)
        d = np.where(past, top - score, 0)
        e = np.where(past, rsh(self.tables["exp"][d & 255], np.minimum(31, d >> 8)), 0)
        z = e.sum(-1, keepdims=True)
        p = rsh(e, np.maximum(0, bit_length(z) - 23))
        z2 = p.sum(-1, keepdims=True)
        bl = bit_length(z2)
        scaled = np.where(bl >= 16, z2 >> np.maximum(bl - 16, 0), z2 << np.maximum(16 - bl, 0))
        r = np.minimum(65535, (1 << 31) // scaled)
        emax = np.where(past, ev, -99).max(-1, keepdims=True)
        p = np.where(past, rsh(p, np.where(past, np.minimum(31, emax - ev), 0)), 0)
        o = requantize(
            fit((p.astype(np.float64) @ v8.astype(np.float64)).astype(np.int64), 32),
            r,
            15 + bl - emax,
            self.shifts.setdefault("attention", [99, -99]),
        )
        return o.transpose(0, 2, 1, 3).reshape(batch * time, heads * hd)

    def swiglu(self, layer, x8, exponent):
        g = np.clip(self.peak(f"{layer}.gate", self.linear(f"{layer}.gate", x8, exponent, 8)), -32768, 32767)
        u = np.clip(self.peak(f"{layer}.up", self.linear(f"{layer}.up", x8, exponent, 8)), -32768, 32767)
        sg = self.tables["sigmoid"][np.minimum(512, rsh(np.abs(g), 2))]
        return fit(rsh(g * np.where(g < 0, 32768 - sg, sg), 15) * u, 32)

    def hadamard64(self, y):
        """(H64 times each 64 channels after a pre-shift per token, the pre-shift)."""
        pre = np.maximum(0, bit_length(np.abs(y).max(-1)) - 24)
        x = rsh(y, pre[:, None]).reshape(len(y), -1, 64)
        width = 1
        while width < 64:
            x = x.reshape(len(y), -1, 2, width)
            x = np.stack([x[:, :, 0] + x[:, :, 1], x[:, :, 0] - x[:, :, 1]], 2)
            width *= 2
        return fit(x.reshape(len(y), -1), 32), pre

    def forward(self, tokens):
        """tokens int [batch, time] -> logits int64 [batch, time, vocab], 16 fraction bits."""
        batch, time = tokens.shape
        emb = self.rows["emb"]
        flat = tokens.reshape(-1)
        h = requantize(emb.w8[flat].astype(np.int64), emb.m[flat][:, None], emb.sh[flat][:, None] - 16)
        for layer in range(self.config["layers"]):
            o = self.attention(layer, *self.norm(h), batch, time)
            o8, k = to_int8(o)
            h = self.peak(f"{layer}.mid", sat32(h + self.linear(f"{layer}.o", o8, k - 16, 16)))
            y, pre = self.hadamard64(self.swiglu(layer, *self.norm(h)))
            y8, k = to_int8(y)
            h = self.peak(f"{layer}.out", sat32(h + self.linear(f"{layer}.down", y8, k + pre - 16, 16)))
        return self.linear("head", *self.norm(h), 16).reshape(batch, time, -1)
