"""The operations of docs/exact-arithmetic.md in plain Python integers, one vector or scalar at a time.

Nothing here wraps or rounds by accident: Python integers are unbounded, and `fit` refuses a value wider than the document
allows. This file is the independent program the golden vectors come from; it is slow and meant to be read.
"""
I32_MAX, I32_MIN = 2 ** 31 - 1, -2 ** 31


def fit(x, bits):
    """x itself when it is a signed integer of that many bits."""
    assert -(1 << (bits - 1)) <= x < 1 << (bits - 1), f"{x} does not fit {bits} signed bits"
    return x


def rsh(x, s):
    """floor((x + 2^(s-1)) / 2^s), the identity for s = 0."""
    assert s >= 0
    return (x + (1 << (s - 1))) >> s if s else x


def clamp(x, low, high):
    return min(max(x, low), high)


def sat32(x):
    return clamp(x, -I32_MAX, I32_MAX)


def sat16(x):
    return clamp(x, -32768, 32767)


def c8(x):
    return clamp(x, -128, 127)


def requantize(a, m, s):
    """RQ: sat32(floor((a m + 2^(s-1)) / 2^s)), a i32, m u16, 1 <= s <= 47."""
    fit(a, 32)
    assert 0 <= m < 1 << 16 and 1 <= s <= 47, f"m {m}, s {s}"
    return sat32(rsh(a * m, s))


def argmax_abs(values):
    """(largest absolute value, lowest index that attains it)."""
    best = max(abs(v) for v in values)
    return best, next(i for i, v in enumerate(values) if abs(v) == best)


def isqrt(x):
    """Integer square root, bit by bit."""
    r = 0
    for bit in range(16, -1, -1):
        t = r | 1 << bit
        if t * t <= x:
            r = t
    return r
