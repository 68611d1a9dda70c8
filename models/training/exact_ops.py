"""The operations of docs/exact-arithmetic.md (sections 1 and 4) in plain Python integers.

Nothing here wraps or rounds by accident: Python integers are unbounded, and `fit` refuses a value wider than the
document allows. With exact_forward.py this is the independent program the golden vectors come from; it is slow and
meant to be read."""

I32_MAX = 2**31 - 1


def fit(x, limit):
    """x itself when abs(x) <= limit."""
    assert -limit <= x <= limit, f"{x} exceeds +-{limit}"
    return x


def rsh(x, s):
    """floor((x + 2^(s-1)) / 2^s), the identity for s = 0."""
    assert s >= 0
    return (x + (1 << (s - 1))) >> s if s else x


def clamp(x, low, high):
    return min(max(x, low), high)


def sat32(x):
    return clamp(x, -I32_MAX, I32_MAX)


def c8(x):
    return clamp(x, -128, 127)


def c16(x):
    return clamp(x, -32768, 32767)


def requantize(a, m, s):
    """RQ(a, m, s): a i32, m u16, s any integer."""
    assert -(2**31) <= a <= I32_MAX and 0 <= m < 1 << 16
    if s >= 48:
        return 0
    return sat32(rsh(a * m, s)) if s >= 1 else sat32(a * m << -s)


def maxi(values):
    """(largest absolute value, lowest index that attains it)."""
    best = max(abs(v) for v in values)
    return best, next(i for i, v in enumerate(values) if abs(v) == best)


def top(values):
    """(largest value, lowest index that attains it)."""
    best = max(values)
    return best, values.index(best)


def exponent8(largest):
    """Exponent that brings a largest absolute value to 7 bits."""
    return max(0, largest.bit_length() - 7)


def to_int8(values, k):
    return [c8(rsh(v, k)) for v in values]


def isqrt(x):
    """floor(sqrt(x)) for x < 2^32, bit by bit."""
    r = 0
    for bit in range(15, -1, -1):
        t = r | 1 << bit
        if t * t <= x:
            r = t
    return r


def embedding(weights, m, sh):
    return [requantize(w, m, sh - 16) for w in weights]


def inverse_root(ssq):
    """(z, r, inv) of op 2."""
    z = -(-ssq.bit_length() // 2) - 16
    S = ssq // 4**z if z >= 0 else ssq * 4**-z
    assert 2**30 <= S < 2**32
    r = isqrt(S)
    assert 2**15 <= r < 2**16 and r * r <= S < (r + 1) ** 2
    return z, r, 2**30 // r


def norm(h, eps_term):
    """Ops 2 and 3. Returns a dict: M, i, k1, partial (sums of squares per 256), ssq, z, r, inv, k, x (int8), e."""
    M, i = maxi(h)
    k1 = max(0, M.bit_length() - 15)
    g = [fit(rsh(v, k1), 2**15) for v in h]
    partial = [sum(v * v for v in g[b : b + 256]) for b in range(0, len(g), 256)]
    ssq = sum(partial) + eps_term // 4**k1
    assert 1 <= ssq < 2**44
    z, r, inv = inverse_root(ssq)
    k = exponent8(rsh(M, k1) * inv)
    x = [c8(rsh(fit(v * inv, 2**30), k)) for v in g]
    return dict(M=M, i=i, k1=k1, partial=partial, ssq=ssq, z=z, r=r, inv=inv, k=k, x=x, e=k - 30 - z)


def dot(weights, x):
    assert len(weights) == len(x)
    return fit(sum(w * v for w, v in zip(weights, x)), 2**29)


def linear(row, x, e, fraction):
    """Op 4 for one row (weights, m, sh)."""
    weights, m, sh = row
    return requantize(dot(weights, x), m, sh - e - fraction)


def biased(row, x, e, bias):
    """Op 4 of query, key, value for one row and its bias."""
    return sat32(linear(row, x, e, 16) + bias)


def head_norm(y, gain, gs, eps_head):
    """Op 5n for one head. Returns a dict: M, i, k1, ssq, z, r, inv, y (the normed head)."""
    M, i = maxi(y)
    k1 = max(0, M.bit_length() - 15)
    g = [fit(rsh(v, k1), 2**15) for v in y]
    ssq = sum(v * v for v in g) + eps_head // 4**k1
    assert 1 <= ssq < 2**38
    z, r, inv = inverse_root(ssq)
    shift = z + gs - 1
    assert -16 <= shift <= 17
    out = []
    for v, c in zip(g, gain, strict=True):
        n = fit(rsh(fit(v * inv, 2**30), 15), 2**15)
        p = fit(n * c, 2**30)
        out.append(rsh(p, min(shift, 31)) if shift >= 0 else sat32(p * 2**-shift))
    return dict(M=M, i=i, k1=k1, ssq=ssq, z=z, r=r, inv=inv, y=out)


def rope(y, cos, sin):
    """Op 6 for one head. Returns (M, i, s, rotated)."""
    half = len(y) // 2
    M, i = maxi(y)
    s = max(0, M.bit_length() - 15)
    low, high = [], []
    for j in range(half):
        a, b = fit(rsh(y[j], s), 2**15), fit(rsh(y[j + half], s), 2**15)
        low.append(sat32(rsh(fit(a * cos[j] - b * sin[j], 2**30), 14) << s))
        high.append(sat32(rsh(fit(b * cos[j] + a * sin[j], 2**30), 14) << s))
    return M, i, s, low + high


def score(q8, eq, k8, ek):
    """Op 8 for one position."""
    a = fit(sum(p * q for p, q in zip(q8, k8)), 2**21)
    sh = 24 - eq - ek
    return fit(rsh(a, sh) if sh >= 0 else a << min(-sh, 9), 2**30)


def softmax(scores, exp):
    """Ops 8 (maximum) to 10. Returns a dict: mx, jx, e, Z, u, p, Z2, B, R."""
    mx, jx = top(scores)
    e = [rsh(exp[(mx - s) % 256], min(31, (mx - s) // 256)) for s in scores]
    Z = sum(e)
    assert Z < 2**31
    u = max(0, Z.bit_length() - 23)
    p = [rsh(v, u) for v in e]
    Z2 = sum(p)
    B = Z2.bit_length()
    assert 16 <= B <= 24
    R = min(65535, 2**31 // (Z2 >> (B - 16)))
    assert 2**15 <= R < 2**16
    return dict(mx=mx, jx=jx, e=e, Z=Z, u=u, p=p, Z2=Z2, B=B, R=R)


def weigh_values(p, ev):
    """Op 11. Returns (E, jE, p'')."""
    E, jE = top(ev)
    return E, jE, [rsh(v, min(31, E - x)) for v, x in zip(p, ev)]


def attend(p2, v8, R, B, E):
    """Op 12 for one dimension: v8 = that dimension of every position. Returns (partial sums per 256, o)."""
    partial = [sum(p * v for p, v in zip(p2[b : b + 256], v8[b : b + 256])) for b in range(0, len(p2), 256)]
    return partial, requantize(fit(sum(partial), I32_MAX), R, 15 + B - E)


def sigmoid_of(g, sigmoid):
    """sg of op 16."""
    s = sigmoid[min(512, rsh(abs(g), 2))]
    return 32768 - s if g < 0 else s


def wide_swiglu(g, u, sigmoid):
    """Op 16w for whole vectors. Returns (Ma, ia, Mu, iu, st + su, y)."""
    t = [requantize(v, sigmoid_of(v, sigmoid), 15) for v in g]
    (Ma, ia), (Mu, iu) = maxi(t), maxi(u)
    st, su = (max(0, M.bit_length() - 15) for M in (Ma, Mu))
    return Ma, ia, Mu, iu, st + su, [fit(rsh(a, st) * rsh(b, su), 2**30) for a, b in zip(t, u, strict=True)]


def swiglu(g, u, sigmoid):
    """Op 16 for one element; g and u after c16."""
    s = sigmoid_of(g, sigmoid)
    return fit(fit(rsh(fit(g * s, 2**30), 15), 32768) * u, 2**30)


def hadamard64(y):
    """Op 17. Returns (My, iy, pre, T)."""
    My, iy = maxi(y)
    pre = max(0, My.bit_length() - 24)
    T = []
    for at in range(0, len(y), 64):
        block = [rsh(v, pre) for v in y[at : at + 64]]
        for i in range(64):
            T.append(fit(sum(-v if bin(i & j).count("1") & 1 else v for j, v in enumerate(block)), 2**30))
    return My, iy, pre, T
