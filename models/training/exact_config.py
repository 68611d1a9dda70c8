"""Config, op table and tree depths of docs/exact-arithmetic.md (sections 2, 3, 5, 6)."""

import struct
from dataclasses import dataclass

QK_NORM, WIDE_SWIGLU = 1, 2


def log2_ceil(n):
    return (n - 1).bit_length()


def up_to_multiple_of_3(n):
    return -(-n // 3) * 3


def segments(width):
    """Leaves of a row of that many elements: padded to 120 bytes, cut after 3600."""
    return -(-width // 3600)


def blocks(width, size=256):
    return -(-width // size)


@dataclass(frozen=True)
class ExactConfig:
    layers: int
    dim: int
    heads: int
    kvHeads: int
    headDim: int
    ffn: int
    vocab: int
    context: int
    epsTerm: int
    formatVersion: int = 2
    semantics: int = 2
    flags: int = 0

    def pack(self):
        return struct.pack(
            ">8H4I",
            self.formatVersion,
            self.semantics,
            self.layers,
            self.dim,
            self.heads,
            self.kvHeads,
            self.headDim,
            self.ffn,
            self.vocab,
            self.context,
            self.flags,
            self.epsTerm,
        )

    @classmethod
    def unpack(cls, data):
        version, semantics, layers, dim, heads, kv, head_dim, ffn, vocab, context, flags, eps = struct.unpack(
            ">8H4I", data
        )
        return cls(layers, dim, heads, kv, head_dim, ffn, vocab, context, eps, version, semantics, flags)

    def check(self):
        """Raises ValueError naming the first field outside its limits."""
        c = self
        rules = [
            ("formatVersion", c.formatVersion == 2),
            ("semantics", c.semantics == 2),
            ("layers", 1 <= c.layers <= 126),
            ("dim", 64 <= c.dim <= 8192 and c.dim % 64 == 0),
            ("headDim", c.headDim in (16, 32, 64, 128)),
            ("heads", 1 <= c.heads <= 64 and c.heads * c.headDim <= 8192),
            ("kvHeads", 1 <= c.kvHeads <= c.heads and c.heads % max(1, c.kvHeads) == 0),
            ("ffn", 64 <= c.ffn <= 28672 and c.ffn % 64 == 0),
            ("vocab", 256 <= c.vocab <= 262144),
            ("context", 256 <= c.context <= 32768 and c.context % 256 == 0),
            ("flags", 0 <= c.flags <= QK_NORM | WIDE_SWIGLU),
            ("epsTerm", 1 <= c.epsTerm < 2**32),
            ("epsTerm", not c.flags & 1 or c.epsTerm * c.headDim // c.dim < 2**32),
        ]
        for name, good in rules:
            if not good:
                raise ValueError(f"config: {name} = {getattr(c, name)} is outside its limits")
        for name, depth in (("commit", self.trace_depth), ("position", self.position_depth)):
            if depth > 30:
                raise ValueError(f"config: {name} tree of depth {depth}, at most 30")

    @property
    def head_norm(self):
        return bool(self.flags & QK_NORM)

    @property
    def wide_swiglu(self):
        return bool(self.flags & WIDE_SWIGLU)

    @property
    def eps_head(self):
        """epsTerm of op 5n."""
        return max(1, self.epsTerm * self.headDim // self.dim)

    @property
    def heads_per_leaf(self):
        padded = -(-self.headDim // 120) * 120
        return min(self.kvHeads, 4096 // (1 + padded))

    @property
    def key_leaves(self):
        """Leaves of `k8`, and of `v8`, of one layer."""
        return -(-self.kvHeads // self.heads_per_leaf)

    # Rows of the model file: (tensor name, rows, inputs, smallest sh, fraction bits of the output).
    def tensors(self):
        d, q, kv, f = self.dim, self.heads * self.headDim, self.kvHeads * self.headDim, self.ffn
        out = [("emb", self.vocab, d, 17, 16)]
        for layer in range(self.layers):
            out += [
                (f"{layer}.{name}", rows, width, low, fraction)
                for name, rows, width, low, fraction in (
                    ("q", q, d, 11, 16),
                    ("k", kv, d, 11, 16),
                    ("v", kv, d, 11, 16),
                    ("o", d, q, 1, 16),
                    ("gate", f, d, 3, 8),
                    ("up", f, d, 3, 8),
                    ("down", d, f, 1, 16),
                )
            ]
        return out + [("head", self.vocab, d, 11, 16)]

    @property
    def position_blocks(self):
        return self.context // 256

    def pv_dims(self):
        """Dimensions per `pv` leaf: the largest power of two <= headDim with 4 n nP <= 4096."""
        n = self.headDim
        while 4 * n * self.position_blocks > 4096:
            n //= 2
        return n

    def slots(self, group):
        """[(slot name, number of leaves)] of a group: 0 embedding, 1..layers, layers + 1 head."""
        d, H, G, D, f = self.dim, self.heads, self.kvHeads, self.headDim, self.ffn
        nd, nf, nP = blocks(d), blocks(f), self.position_blocks
        if group == 0:
            return [("token", 1), ("h", nd)]
        if group <= self.layers:
            return [
                ("norm1", 1),
                ("x1", segments(d)),
                ("q", blocks(H * D)),
                ("k", blocks(G * D)),
                ("v", blocks(G * D)),
                *([("headNorm", 1), ("qn", blocks(H * D)), ("kn", blocks(G * D))] if self.head_norm else []),
                ("headMax", 1),
                ("q8", H),
                ("k8", self.key_leaves),
                ("v8", self.key_leaves),
                ("vt", nP * G * D // 4),
                ("attMax", 1),
                ("e", H * nP),
                ("attSums", H),
                ("p", H * nP),
                ("pv", H * D // self.pv_dims()),
                ("oMax", 1),
                ("o8", segments(H * D)),
                ("h1", nd),
                ("norm2", 1),
                ("x2", segments(d)),
                ("gate", nf),
                ("up", nf),
                ("mlpMax", 1),
                ("xd", segments(f)),
                *([("downSums", d // 32)] if segments(f) > 1 else []),
                ("h2", nd),
            ]
        if group == self.layers + 1:
            return [
                ("norm", 1),
                ("x", segments(d)),
                ("logits", blocks(self.vocab)),
                ("max", 1),
                ("top", 1),
                ("sums", blocks(blocks(self.vocab, 64), 512)),
                ("draw", 1),
            ]
        raise ValueError(f"group {group}")

    @property
    def group_depth(self):
        largest = max(sum(n for _, n in self.slots(g)) for g in (0, 1, self.layers + 1))
        return up_to_multiple_of_3(log2_ceil(largest))

    @property
    def token_depth(self):
        return up_to_multiple_of_3(log2_ceil(self.layers + 2))

    @property
    def position_depth(self):
        """Levels of a position tree."""
        return self.group_depth + self.token_depth

    @property
    def commit_depth(self):
        """Levels of one position in the commit tree."""
        return up_to_multiple_of_3(log2_ceil(2 * self.layers * self.key_leaves + 1))

    @property
    def block_depth(self):
        depth = log2_ceil(self.context // 32)
        return depth + -(self.commit_depth + 5 + depth) % 3

    @property
    def trace_depth(self):
        """Levels of the commit tree."""
        return self.commit_depth + 5 + self.block_depth
