"""Golden vectors of single operations: random inputs and the extremes (all -128, all 127, zeros, saturation, ties)."""

import base64
import random
import struct

import exact_ops as ops
from quantize import exp_table, rope_tables, sigmoid_table

I32 = ops.I32_MAX


def i8(values):
    return base64.b64encode(struct.pack(f">{len(values)}b", *values)).decode()


def u16(values):
    return base64.b64encode(struct.pack(f">{len(values)}H", *values)).decode()


def i32(values):
    return base64.b64encode(struct.pack(f">{len(values)}i", *values)).decode()


def wide(rng, bits=31):
    """A random integer of a random size up to that many bits."""
    return rng.randrange(-(2 ** rng.randrange(1, bits + 1)) + 1, 2 ** rng.randrange(1, bits + 1))


def rsh_cases(rng):
    pairs = [(x, s) for x in (0, 1, -1, 2, -2, 3, -3, 2**30 - 1, -(2**30)) for s in (0, 1, 2, 15, 30, 31)]
    pairs += [(wide(rng, 30), rng.randrange(32)) for _ in range(60)]
    return [[x, s, ops.rsh(x, s)] for x, s in pairs]


def requantize_cases(rng):
    edge = [0, 1, -1, I32, -I32, -(2**31), 65535, 65536, -65536, 2**30, -(2**30), 466092032]
    cases = [
        (a, m, s)
        for a in edge
        for m in (32768, 65535)
        for s in (-40, -31, -16, -1, 0, 1, 2, 15, 16, 17, 31, 46, 47, 48, 60)
    ]
    cases += [(wide(rng), rng.randrange(32768, 65536), rng.randrange(-20, 50)) for _ in range(200)]
    for s in range(1, 16):  # products next to +-2^31 after the shift, so that rounding decides about saturation
        m = rng.randrange(32768, 65536)
        near = (2**31 << s) // m
        cases += [(sign * min(I32, near + offset), m, s) for sign in (1, -1) for offset in (-1, 0, 1)]
    cases += [(a, 32768, s) for s in (2, 5, 16, 20) for a in (1, -1, 3, -3)] + [(a, 0, 5) for a in (7, -7)]
    return [[a, m, s, ops.requantize(a, m, s)] for a, m, s in cases]


def norm_cases(rng):
    tie = [0] * 64
    tie[7], tie[3] = 500, -500
    inputs = {
        "zeros": [0] * 64,
        "one in the first place": [1] + [0] * 63,
        "tie of both signs": tie,
        "all the largest": [I32] * 256,
        "all the smallest": [-I32] * 256,
        "alternating largest": [I32, -I32] * 160,
        "one large among small": [3] * 319 + [-I32],
        "rounds up to 32768": [65535 << 15] * 64,
        "all minus one": [-1] * 512,
        "the lower of equal maxima": [5, -9, 9, 9] * 16,
    }
    for bits in (1, 4, 8, 12, 15, 16, 17, 20, 24, 28, 31):
        width = rng.choice([64, 128, 256, 320])
        inputs[f"random of {bits} bits"] = [rng.randrange(-(2**bits) + 1, 2**bits) for _ in range(width)]
    for at in range(6):  # negative maximum whose int8 form comes from a tie: k follows M, not the rounded product
        inputs[f"negative maximum {at}"] = [-(2 ** rng.randrange(8, 28)) - rng.randrange(3)] + [
            rng.randrange(-200, 200) for _ in range(63)
        ]
    out = []
    for name, h in inputs.items():
        for eps in (2748779, 1, 4294967295) if name in ("zeros", "all minus one") else (2748779,):
            n = ops.norm(h, eps)
            out.append(
                dict(
                    name=name,
                    h=i32(h),
                    epsTerm=eps,
                    M=n["M"],
                    i=n["i"],
                    partial=n["partial"],
                    ssq=n["ssq"],
                    z=n["z"],
                    r=n["r"],
                    inv=n["inv"],
                    k=n["k"],
                    e=n["e"],
                    x=i8(n["x"]),
                )
            )
    return out


def linear_cases(rng):
    out = []

    def add(name, weights, x, m, sh, e, fraction):
        out.append(
            dict(
                name=name,
                weights=i8(weights),
                x=i8(x),
                m=m,
                sh=sh,
                e=e,
                fraction=fraction,
                sum=ops.dot(weights, x),
                y=ops.linear((weights, m, sh), x, e, fraction),
            )
        )

    for width in (64, 128, 320, 512):
        add("weights -127, inputs -128", [-127] * width, [-128] * width, 65535, 20, -10, 16)
        add("weights 127, inputs -128", [127] * width, [-128] * width, 65535, 11, -6, 16)
        add("inputs zero", [127] * width, [0] * width, 40000, 20, -9, 8)
        for _ in range(6):
            add(
                "random",
                [rng.randrange(-127, 128) for _ in range(width)],
                [rng.randrange(-128, 128) for _ in range(width)],
                rng.randrange(32768, 65536),
                rng.randrange(17, 40),
                rng.randrange(-24, -5),
                rng.choice([8, 16]),
            )
    for e in (0, 8, 20, 34):  # `o` and `down` may shift left
        add(
            "left shift",
            [rng.randrange(-127, 128) for _ in range(64)],
            [rng.randrange(-128, 128) for _ in range(64)],
            50000,
            18,
            e,
            16,
        )
    return out


def rope_cases(rng):
    out = []
    for dim in (16, 32, 64, 128):
        cos, sin = rope_tables(8, dim, 1e4)
        for t, y in [
            (0, [0] * dim),
            (1, [I32] * dim),
            (5, [-I32] * dim),
            (7, [I32, -I32] * (dim // 2)),
            (3, [65535 << 15] * dim),
        ] + [(rng.randrange(8), [wide(rng) for _ in range(dim)]) for _ in range(4)]:
            c, n = cos[t].tolist(), sin[t].tolist()
            M, i, s, turned = ops.rope(y, c, n)
            M2, i2 = ops.maxi(turned)
            ex = ops.exponent8(M2)
            out.append(
                dict(
                    y=i32(y),
                    cos=c,
                    sin=n,
                    M=M,
                    i=i,
                    s=s,
                    rotated=i32(turned),
                    M2=M2,
                    i2=i2,
                    exponent=ex,
                    int8=i8(ops.to_int8(turned, ex)),
                )
            )
    return out


def biased_cases(rng):
    """Op 4 of query, key, value: saturation of the product, of the sum, and their meeting."""
    out = []
    low = -(2**31)
    for m, sh, e, values in (
        (50000, 24, -8, (0, 1, -1, 70000, I32, low)),
        (65535, 11, -6, (0, 1, -1, I32, low)),
        (32768, 47, -30, (12345, -12345, I32, low)),
    ):
        for sign in (1, -1):
            for bias in values:
                weights = [sign * rng.randrange(0, 128) for _ in range(64)]
                x = [rng.randrange(0, 128) for _ in range(64)]
                y = ops.biased((weights, m, sh), x, e, bias)
                out.append(dict(weights=i8(weights), x=i8(x), m=m, sh=sh, e=e, bias=bias, y=y))
    return out


def head_norm_cases(rng):
    tie = [0] * 16
    tie[9], tie[4] = 70000, -70000
    inputs = {
        "zeros": [0] * 32,
        "tie of both signs": tie,
        "all the largest": [I32] * 128,
        "alternating largest": [I32, -I32] * 32,
        "one alone": [0] * 15 + [-1],
        "rounds up to 32768": [65535 << 15] * 64,
        "one large among small": [3] * 127 + [-I32],
    }
    for bits in (3, 8, 15, 16, 17, 22, 28, 31):
        inputs[f"random of {bits} bits"] = [
            rng.randrange(-(2**bits) + 1, 2**bits) for _ in range(rng.choice([16, 32, 64, 128]))
        ]
    out = []
    for name, y in inputs.items():
        D = len(y)
        ordinary = [rng.randrange(-32768, 32768) for _ in range(D)]
        edge = [rng.choice([-32768, 32767, 0, 1, -1]) for _ in range(D)]
        for gain, gs, eps in ((ordinary, 11, 700000), (edge, 0, 1), ([-32768] * D, 15, 2**32 - 1)):
            n = ops.head_norm(y, gain, gs, eps)
            numbers = {key: n[key] for key in ("M", "i", "ssq", "z", "r", "inv")}
            out.append(dict(name=name, y=i32(y), gain=gain, gs=gs, epsHead=eps, **numbers, normed=i32(n["y"])))
    return out


def wide_swiglu_cases(rng):
    sigmoid = sigmoid_table().tolist()
    inputs = {
        "zeros": ([0] * 64, [0] * 64),
        "all the largest": ([I32] * 64, [I32] * 64),
        "largest of opposite signs": ([-I32] * 64, [I32, -I32] * 32),
        "largest gate, zero up": ([I32] * 64, [0] * 64),
        "negative gate gives tiny t": ([-2047, -2046, -2048, -1] * 16, [I32] * 64),
        "ties of both signs": ([5, -9, 900, 900] * 16, [-700, 700, 700, -1] * 16),
        "rounds up to 32768": ([65535 << 15] * 64, [-(65535 << 15)] * 64),
    }
    for bits in ((8, 8), (14, 15), (15, 16), (17, 31), (31, 10), (24, 24)):
        name, width = f"random of {bits[0]} and {bits[1]} bits", rng.choice([64, 320])
        inputs[name] = tuple([rng.randrange(-(2**b) + 1, 2**b) for _ in range(width)] for b in bits)
    out = []
    for name, (g, u) in inputs.items():
        Ma, ia, Mu, iu, shift, y = ops.wide_swiglu(g, u, sigmoid)
        out.append(dict(name=name, g=i32(g), u=i32(u), Ma=Ma, ia=ia, Mu=Mu, iu=iu, shift=shift, y=i32(y)))
    return out


def int8_cases(rng):
    inputs = [
        [0] * 64,
        [127] * 64,
        [-128] * 64,
        [128] + [0] * 63,
        [-128, 128] * 32,
        [255] * 64,
        [I32] * 64,
        [-I32, I32] * 32,
    ]
    inputs += [[wide(rng) for _ in range(width)] for width in (16, 64, 128, 320) for _ in range(4)]
    out = []
    for values in inputs:
        M, i = ops.maxi(values)
        k = ops.exponent8(M)
        out.append(dict(values=i32(values), M=M, i=i, exponent=k, int8=i8(ops.to_int8(values, k))))
    return out


def score_cases(rng):
    out = []
    for dim in (16, 32, 64, 128):
        for q, k in [([-128] * dim, [-128] * dim), ([127] * dim, [-128] * dim)] + [
            ([rng.randrange(-128, 128) for _ in range(dim)], [rng.randrange(-128, 128) for _ in range(dim)])
            for _ in range(3)
        ]:
            for eq, ek in ((0, 0), (12, 12), (10, 9), (24, 0), (20, 16), (24, 24), (7, 5)):
                out.append(dict(q=i8(q), eq=eq, k=i8(k), ek=ek, score=ops.score(q, eq, k, ek)))
    return out


def attention_cases(rng):
    """Ops 8 (maximum) to 12 for one head of 16 dimensions, v8 position by position."""
    exp, out = exp_table().tolist(), []

    def add(name, scores, ev, v8):
        s = ops.softmax(scores, exp)
        E, jE, p2 = ops.weigh_values(s["p"], ev)
        dims = [ops.attend(p2, [row[dim] for row in v8], s["R"], s["B"], E) for dim in range(len(v8[0]))]
        out.append(
            dict(
                name=name,
                scores=i32(scores),
                ev=i8(ev),
                v8=i8([v for row in v8 for v in row]),
                mx=s["mx"],
                jx=s["jx"],
                e=u16(s["e"]),
                Z=s["Z"],
                Z2=s["Z2"],
                R=s["R"],
                E=E,
                jE=jE,
                p=u16(p2),
                partial=[p for p, _ in dims],
                o=[o for _, o in dims],
            )
        )

    rows = lambda n, low=-128, high=128: [[rng.randrange(low, high) for _ in range(16)] for _ in range(n)]
    add("one position", [5], [3], rows(1))
    add("one position, everything lowest", [-(2**30)], [0], [[-128] * 16])
    add("equal scores, the lowest index wins", [700] * 7, [4] * 7, rows(7))
    add("far below: weight zero", [2**30, -(2**30), 0, 1], [24, 24, 0, 24], rows(4))
    add("all weights largest over 300 positions", [0] * 300, [24] * 300, [[-128] * 16 for _ in range(300)])
    add("exponents far apart", [100, 90, 80, 70], [0, 24, 5, 24], rows(4))
    add("every table entry", [-i for i in range(256)], [10] * 256, rows(256))
    add("every octave", [-256 * i - i for i in range(34)], [9] * 34, rows(34))
    for n in (2, 31, 33, 256, 257):
        add("random", [wide(rng, 13) for _ in range(n)], [rng.randrange(0, 25) for _ in range(n)], rows(n))
    return out


def swiglu_cases(rng):
    sigmoid = sigmoid_table().tolist()
    edge = [0, 1, -1, 2, -2, 3, 2045, 2046, 2047, 2048, -2046, -2047, -2048, 32767, -32768]
    pairs = [(g, u) for g in edge for u in (0, 1, -1, 255, -256, 32767, -32768)]
    pairs += [(rng.randrange(-32768, 32768), rng.randrange(-32768, 32768)) for _ in range(100)]
    pairs += [(rng.randrange(-2100, 2100), rng.randrange(-2000, 2000)) for _ in range(200)]
    return [[g, u, ops.swiglu(g, u, sigmoid)] for g, u in pairs]


def hadamard_cases(rng):
    inputs = [
        [0] * 64,
        [2**30] * 64,
        [-(2**30)] * 64,
        [1] + [0] * 63,
        [32764 * 16386] * 64,
        [2**30, -(2**30)] * 32,
        list(range(64)),
        [5, -9, 9] + [0] * 61,
    ]
    inputs += [[wide(rng, 30) for _ in range(width)] for width in (64, 128, 320) for _ in range(3)]
    out = []
    for y in inputs:
        My, iy, pre, T = ops.hadamard64(y)
        Mt, it = ops.maxi(T)
        kd = ops.exponent8(Mt)
        out.append(
            dict(y=i32(y), My=My, iy=iy, pre=pre, T=i32(T), Mt=Mt, it=it, exponent=kd, int8=i8(ops.to_int8(T, kd)))
        )
    return out


def embedding_cases(rng):
    out = []
    for m, sh in ((32768, 17), (65535, 17), (40000, 25), (65535, 47), (32768, 47)):
        weights = [127, -127, 0, 1, -1] + [rng.randrange(-127, 128) for _ in range(59)]
        out.append(dict(weights=i8(weights), m=m, sh=sh, h=i32(ops.embedding(weights, m, sh))))
    return out


def residual_cases(rng):
    pairs = [(I32, 1), (I32, I32), (-I32, -1), (-I32, -I32), (0, 0), (I32, -I32)] + [
        (wide(rng), wide(rng)) for _ in range(20)
    ]
    return [[h, delta, ops.sat32(h + delta)] for h, delta in pairs]


def op_vectors(seed=20261124):
    kinds = dict(
        rsh=rsh_cases,
        requantize=requantize_cases,
        norm=norm_cases,
        linear=linear_cases,
        rope=rope_cases,
        int8=int8_cases,
        score=score_cases,
        attention=attention_cases,
        swiglu=swiglu_cases,
        hadamard64=hadamard_cases,
        embedding=embedding_cases,
        residual=residual_cases,
        biased=biased_cases,
        headNorm=head_norm_cases,
        wideSwiglu=wide_swiglu_cases,
    )
    return {name: make(random.Random(f"{seed} {name}")) for name, make in kinds.items()}
