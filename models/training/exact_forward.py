"""Forward of one position in plain integers, with every leaf of the trace (docs/exact-arithmetic.md, sections 4 and
5)."""

import struct

import exact_ops as ops
from exact_tree import row_bytes


def words(*values):
    """Each value a u32 or an i32, 4 bytes big-endian."""
    assert all(-(2**31) <= v < 2**32 for v in values), values
    return b"".join((v & 0xFFFFFFFF).to_bytes(4, "big") for v in values)


def cut(values, code, size=256):
    """Leaves of `size` elements each, in the given struct code."""
    return [
        struct.pack(f">{len(values[i:i + size])}{code}", *values[i : i + size]) for i in range(0, len(values), size)
    ]


def norm_leaf(n):
    out = words(n["M"], n["i"])
    for v in (*n["partial"], n["ssq"]):
        out += v.to_bytes(8, "big")
    return out + words(n["r"], n["inv"])


class ExactForward:
    """Runs an ExactModel position by position; keeps the cache of k8, ek, v8, ev."""

    def __init__(self, model):
        self.model, self.config, self.tables = model, model.config, model.tables
        self.rows = {
            name: [([int(w) for w in ws], int(m), int(sh)) for ws, m, sh in zip(r.w8, r.m, r.sh)]
            for name, r in model.rows.items()
        }
        self.bias = {name: [int(b) for b in r.bias] for name, r in model.rows.items()}
        self.cache = [dict(k8=[], ek=[], v8=[], ev=[]) for _ in range(self.config.layers)]
        self.position = 0

    def matrix(self, name, x, e, fraction):
        return [ops.linear(row, x, e, fraction) for row in self.rows[name]]

    def projection(self, name, x, e):
        return [ops.biased(row, x, e, bias) for row, bias in zip(self.rows[name], self.bias[name])]

    def step(self, token, with_head):
        """Returns (groups, logits or None): groups = [{slot: [leaf bytes or None for a padding leaf]}] for the
        embedding and every layer, and for the head only `norm`, `x` and `logits` (sampling adds the rest)."""
        c = self.config
        h = ops.embedding(*self.rows["emb"][token])
        groups = [{"token": [words(token)], "h": cut(h, "i")}]
        for layer in range(c.layers):
            h, leaves = self.layer(layer, h)
            groups.append(leaves)
        self.position += 1
        if not with_head:
            return groups, None
        n = ops.norm(h, c.epsTerm)
        logits = self.matrix("head", n["x"], n["e"], 16)
        groups.append({"norm": [norm_leaf(n)], "x": row_bytes(n["x"]), "logits": cut(logits, "i")})
        return groups, logits

    def layer(self, layer, h):
        c, leaves = self.config, {}
        n = ops.norm(h, c.epsTerm)
        leaves["norm1"], leaves["x1"] = [norm_leaf(n)], row_bytes(n["x"])
        o = self.attention(layer, n["x"], n["e"], leaves)
        M, i = ops.maxi(o)
        ko = ops.exponent8(M)
        o8 = ops.to_int8(o, ko)
        leaves["oMax"], leaves["o8"] = [words(M, i)], row_bytes(o8)
        h1 = [ops.sat32(a + b) for a, b in zip(h, self.matrix(f"{layer}.o", o8, ko - 16, 16))]
        leaves["h1"] = cut(h1, "i")
        n = ops.norm(h1, c.epsTerm)
        leaves["norm2"], leaves["x2"] = [norm_leaf(n)], row_bytes(n["x"])
        xd, e = self.gated(layer, n["x"], n["e"], leaves)
        h2 = [ops.sat32(a + b) for a, b in zip(h1, self.matrix(f"{layer}.down", xd, e, 16))]
        if len(leaves["xd"]) > 1:
            leaves["downSums"] = self.down_sums(layer, leaves["xd"])
        leaves["h2"] = cut(h2, "i")
        return h2, leaves

    def down_sums(self, layer, pieces):
        """`downSums`: what the bytes of each leaf of `xd` add to each row of `down`."""
        sums, per = [], len(pieces[0])
        for row in self.model.rows[f"{layer}.down"].w8:
            weights = [int(w) for w in row]
            sums += [sum(w * b for w, b in zip(weights[per * n :], piece)) for n, piece in enumerate(pieces)]
        return cut(sums, "i", 32 * len(pieces))

    def gated(self, layer, x, e, leaves):
        """Ops 16 or 16w to 18. Returns the int8 input of `down` and its exponent."""
        c = self.config
        g, u = (self.matrix(f"{layer}.{name}", x, e, 8) for name in ("gate", "up"))
        if c.wide_swiglu:
            *peaks, shift, y = ops.wide_swiglu(g, u, self.tables.sigmoid)
        else:
            g, u, peaks, shift = [ops.c16(v) for v in g], [ops.c16(v) for v in u], [], 0
            y = [ops.swiglu(a, b, self.tables.sigmoid) for a, b in zip(g, u)]
        code = "i" if c.wide_swiglu else "h"
        leaves["gate"], leaves["up"] = cut(g, code), cut(u, code)
        My, iy, pre, T = ops.hadamard64(y)
        Mt, it = ops.maxi(T)
        kd = ops.exponent8(Mt)
        xd = ops.to_int8(T, kd)
        leaves["mlpMax"], leaves["xd"] = [words(*peaks, My, iy, Mt, it)], row_bytes(xd)
        return xd, kd + pre + shift - 16

    def normed_heads(self, layer, q, k, leaves):
        """Op 5n on all heads of q and k, [[head]] each."""
        c, scalars, out = self.config, [], []
        for at, heads in enumerate((q, k)):
            gs, gain = self.tables.gains[2 * layer + at]
            results = [ops.head_norm(head, gain, gs, c.eps_head) for head in heads]
            for n in results:
                scalars.append(words(n["M"], n["i"]) + n["ssq"].to_bytes(8, "big") + words(n["r"], n["inv"]))
            out.append([n["y"] for n in results])
        leaves["headNorm"] = [b"".join(scalars)]
        for name, heads in zip(("qn", "kn"), out):
            leaves[name] = cut([v for head in heads for v in head], "i")
        return out

    def key_leaves(self, heads, reverse):
        """`k8` or `v8` leaves of [(exponent, int8)]."""
        per = self.config.heads_per_leaf
        groups = [heads[i : i + per] for i in range(0, len(heads), per)]
        row = lambda values: b"".join(row_bytes(values, reverse=reverse))
        return [bytes(ex for ex, _ in group) + b"".join(row(values) for _, values in group) for group in groups]

    def attention(self, layer, x, e, leaves):
        c, cache, t = self.config, self.cache[layer], self.position
        D, H, G = c.headDim, c.heads, c.kvHeads
        q, k, v = (self.projection(f"{layer}.{name}", x, e) for name in "qkv")
        leaves["q"], leaves["k"], leaves["v"] = cut(q, "i"), cut(k, "i"), cut(v, "i")
        split = lambda y: [y[i : i + D] for i in range(0, len(y), D)]
        head_max, rotated = [], {}
        q_heads, k_heads = split(q), split(k)
        if c.head_norm:
            q_heads, k_heads = self.normed_heads(layer, q_heads, k_heads, leaves)
        for name, heads in (("q", q_heads), ("k", k_heads)):
            rotated[name] = []
            for head in heads:
                M, i, _, turned = ops.rope(head, self.tables.cos[t], self.tables.sin[t])
                M2, i2 = ops.maxi(turned)
                head_max += [M, i, M2, i2]
                ex = ops.exponent8(M2)
                rotated[name].append((ex, ops.to_int8(turned, ex)))
        values = []
        for head in split(v):
            M, i = ops.maxi(head)
            head_max += [M, i]
            ev = ops.exponent8(M)
            values.append((ev, ops.to_int8(head, ev)))
        leaves["headMax"] = [words(*head_max)]
        leaves["q8"] = [bytes([ex]) + b"".join(row_bytes(q8)) for ex, q8 in rotated["q"]]
        leaves["k8"], leaves["v8"] = self.key_leaves(rotated["k"], True), self.key_leaves(values, False)
        cache["ek"].append([ex for ex, _ in rotated["k"]])
        cache["k8"].append([k8 for _, k8 in rotated["k"]])
        cache["ev"].append([ev for ev, _ in values])
        cache["v8"].append([v8 for _, v8 in values])
        leaves["vt"] = self.transposed_values(cache)
        return self.heads(cache, rotated["q"], leaves)

    def transposed_values(self, cache):
        """`vt`: all position blocks up to the position's, then padding leaves."""
        c, t = self.config, self.position
        out = []
        for start in range(0, t + 1, 256):
            columns = range(start, start + 256)
            for head in range(c.kvHeads):
                for at in range(0, c.headDim, 4):
                    value = lambda j, dim: cache["v8"][j][head][dim] + 128 if j <= t else 128
                    out.append(bytes(value(j, dim) for dim in range(at, at + 4) for j in columns))
        return out + [None] * (dict(c.slots(1))["vt"] - len(out))

    def heads(self, cache, q8s, leaves):
        c, t = self.config, self.position
        nP = c.position_blocks
        past, count = range(t + 1), t // 256 + 1
        out, att_max = [], []
        for name in ("e", "attSums", "p", "pv"):
            leaves[name] = []
        for head, (eq, q8) in enumerate(q8s):
            kv = head * c.kvHeads // c.heads
            s = ops.softmax([ops.score(q8, eq, cache["k8"][j][kv], cache["ek"][j][kv]) for j in past], self.tables.exp)
            E, jE, p2 = ops.weigh_values(s["p"], [cache["ev"][j][kv] for j in past])
            att_max += [s["mx"], s["jx"], E, jE]
            full = lambda values: values + [0] * (256 * count - len(values))
            sums = lambda values: [sum(values[256 * b : 256 * b + 256]) for b in range(nP)]
            leaves["e"] += cut(full(s["e"]), "H") + [None] * (nP - count)
            leaves["attSums"].append(words(*sums(s["e"]), s["Z"], *sums(s["p"]), s["Z2"]))
            padded = full(p2)
            for b in range(count):
                block = padded[256 * b : 256 * b + 256]
                leaves["p"].append(bytes(w & 255 for w in block) + bytes(w >> 8 for w in block))
            leaves["p"] += [None] * (nP - count)
            partials = []
            for dim in range(c.headDim):
                partial, value = ops.attend(p2, [cache["v8"][j][kv][dim] for j in past], s["R"], s["B"], E)
                partials += partial + [0] * (nP - count)
                out.append(value)
            leaves["pv"] += cut(partials, "i", c.pv_dims() * nP)
        leaves["attMax"] = [words(*att_max)]
        return out
