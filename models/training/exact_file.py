"""Exact model file of docs/exact-arithmetic.md, section 3: writing, reading, checking, model root."""

import struct
from dataclasses import dataclass, field

import numpy as np

from exact_config import ExactConfig, log2_ceil, up_to_multiple_of_3
from exact_numpy import ExactNumpy
from exact_tree import node, row_bytes, sha, tree_root
from quantize import Rows
from tokenizer import Tokenizer

MAGIC = b"OCEXACT\x01"
NONE = 0xFFFFFFFF


@dataclass
class Tables:
    """exp 256, sigmoid 513, sampling 1024 integers; cos, sin [context][headDim / 2]; gains, with QK_NORM, [(gs, gain
    [headDim])] of layer 0 q, layer 0 k, layer 1 q ..."""

    exp: list
    sigmoid: list
    sampling: list
    cos: list
    sin: list
    gains: list = field(default_factory=list)

    def pack(self):
        """(exp, sigmoid, sampling, one byte string per position, one per gain vector)."""
        rope = [struct.pack(f">{2 * len(c)}h", *c, *s) for c, s in zip(self.cos, self.sin)]
        return (
            struct.pack(">256H", *self.exp),
            struct.pack(">513H", *self.sigmoid),
            b"".join(int(v).to_bytes(3, "big") for v in self.sampling),
            rope,
            [struct.pack(f">B{len(gain)}h", gs, *gain) for gs, gain in self.gains],
        )

    @classmethod
    def unpack(cls, data, config):
        half = config.headDim // 2
        rope = [struct.unpack_from(f">{2 * half}h", data, 4610 + 4 * half * t) for t in range(config.context)]
        at, size = 4610 + 4 * half * config.context, 1 + 4 * half
        count = 2 * config.layers if config.head_norm else 0
        gains = [struct.unpack_from(f">B{2 * half}h", data, at + size * i) for i in range(count)]
        return cls(
            list(struct.unpack_from(">256H", data)),
            list(struct.unpack_from(">513H", data, 512)),
            [int.from_bytes(data[1538 + 3 * i : 1541 + 3 * i], "big") for i in range(1024)],
            [list(r[:half]) for r in rope],
            [list(r[half:]) for r in rope],
            [(gs, gain) for gs, *gain in gains],
        )

    @staticmethod
    def size(config):
        """Bytes of all tables."""
        gains = 2 * config.layers * (1 + 2 * config.headDim) if config.head_norm else 0
        return 4610 + 2 * config.headDim * config.context + gains

    def check(self):
        rules = [
            ("exp", self.exp[0] == 65535 and all(a >= b for a, b in zip(self.exp, self.exp[1:]))),
            (
                "sigmoid",
                min(self.sigmoid) >= 16384
                and self.sigmoid[512] == max(self.sigmoid) == 32768
                and all(a <= b for a, b in zip(self.sigmoid, self.sigmoid[1:])),
            ),
            (
                "sampling",
                self.sampling[0] == 2**24 - 1 and all(a >= b for a, b in zip(self.sampling, self.sampling[1:])),
            ),
            ("rope", all(-16384 <= v <= 16384 for table in (self.cos, self.sin) for row in table for v in row)),
            ("gains", all(0 <= gs <= 15 for gs, _ in self.gains)),
        ]
        for name, good in rules:
            if not good:
                raise ValueError(f"table {name} breaks its rule")


def pack_tokenizer(tokenizer, bos, eos, specials=(), template=""):
    out = struct.pack(">HHIII", 1, 1, bos, eos, len(tokenizer.merges))
    out += b"".join(struct.pack(">II", *pair) for pair in tokenizer.merges)
    out += struct.pack(">I", len(specials))
    for text in specials:
        out += struct.pack(">H", len(text.encode())) + text.encode()
    return out + struct.pack(">I", len(template.encode())) + template.encode()


def read_tokenizer(data):
    """(tokenizer, bos, eos) of a tokenizer section."""
    kind, pretokenizer, bos, eos, count = struct.unpack_from(">HHIII", data)
    if (kind, pretokenizer) != (1, 1):
        raise ValueError(f"tokenizer kind {kind}, pretokenizer {pretokenizer}: expected 1, 1")
    merges = [struct.unpack_from(">II", data, 16 + 8 * i) for i in range(count)]
    at = 16 + 8 * count
    specials, left = [], struct.unpack_from(">I", data, at)[0]
    at += 4
    for _ in range(left):
        size = struct.unpack_from(">H", data, at)[0]
        specials.append(data[at + 2 : at + 2 + size].decode("utf-8"))
        at += 2 + size
    if len(data) != at + 4 + struct.unpack_from(">I", data, at)[0]:
        raise ValueError("tokenizer: wrong length")
    return Tokenizer(merges, specials), bos, eos


def row_header(weights, m, sh, bias):
    return struct.pack(">iHBi", int(np.sum(weights, dtype=np.int64)), int(m), int(sh), int(bias))


def row_leaves(weights, m, sh, bias):
    """The leaves (bytes) of one weight row: the header stands in front of the first piece."""
    pieces = row_bytes([int(w) for w in weights], reverse=True)
    return [row_header(weights, m, sh, bias) + pieces[0]] + pieces[1:]


class ExactModel:
    """config ExactConfig; tokenizer_section bytes; tables Tables; rows: tensor name -> Rows."""

    def __init__(self, config, tokenizer_section, tables, rows):
        self.config, self.tokenizer_section, self.tables, self.rows = config, tokenizer_section, tables, rows
        self.tokenizer, self.bos, self.eos = read_tokenizer(tokenizer_section)

    def check(self):
        """Raises ValueError on anything the document tells a reader to refuse (the root is checked by load_exact)."""
        self.config.check()
        self.tables.check()
        if len(self.tables.gains) != (2 * self.config.layers if self.config.head_norm else 0):
            raise ValueError(f"{len(self.tables.gains)} gain vectors")
        for name, count, width, lowest, _ in self.config.tensors():
            r = self.rows[name]
            if r.w8.shape != (count, width) or r.w8.min() < -127:
                raise ValueError(f"{name}: shape {r.w8.shape} or a weight of -128; expected {(count, width)}")
            if r.m.min() < 32768 or r.m.max() > 65535 or r.sh.min() < lowest or r.sh.max() > 47:
                raise ValueError(
                    f"{name}: m outside 32768..65535 or sh {r.sh.min()}..{r.sh.max()} outside {lowest}..47"
                )
            if r.bias.any() and name.split(".")[-1] not in ("q", "k", "v"):
                raise ValueError(f"{name}: a bias, allowed in rows of query, key and value only")

    def roots(self):
        """(modelRoot, rowsRoot, tablesRoot)."""
        exp, sigmoid, sampling, rope, gains = self.tables.pack()
        turns = tree_root([sha(r) for r in rope], log2_ceil(self.config.context))
        if self.config.head_norm:
            turns = node(turns, tree_root([sha(g) for g in gains], log2_ceil(2 * self.config.layers)))
        tables_root = node(node(sha(exp), sha(sigmoid)), node(sha(sampling), turns))
        leaves = [
            sha(leaf)
            for name, *_ in self.config.tensors()
            for row in zip(*(getattr(self.rows[name], part) for part in ("w8", "m", "sh", "bias")))
            for leaf in row_leaves(*row)
        ]
        rows_root = tree_root(leaves, up_to_multiple_of_3(log2_ceil(len(leaves))))
        root = node(node(sha(self.config.pack()), rows_root), node(sha(self.tokenizer_section), tables_root))
        return root, rows_root, tables_root

    def pack(self):
        exp, sigmoid, sampling, rope, gains = self.tables.pack()
        out = [
            MAGIC,
            self.config.pack(),
            struct.pack(">I", len(self.tokenizer_section)),
            self.tokenizer_section,
            exp,
            sigmoid,
            sampling,
            *rope,
            *gains,
        ]
        for name, *_ in self.config.tensors():
            r = self.rows[name]
            for weights, m, sh, bias in zip(r.w8, r.m, r.sh, r.bias):
                out += [row_header(weights, m, sh, bias), weights.astype(np.int8).tobytes()]
        return b"".join(out) + self.roots()[0]

    def numpy(self):
        """The batched forward, which has neither flags nor biases."""
        c, t = self.config, self.tables
        if c.flags or any(r.bias.any() for r in self.rows.values()):
            raise ValueError("the batched forward takes no model with flags or biases")
        shape = dict(layers=c.layers, d=c.dim, heads=c.heads, kvHeads=c.kvHeads, headDim=c.headDim, ffn=c.ffn)
        arrays = {name: np.array(getattr(t, name)) for name in ("exp", "sigmoid", "cos", "sin")}
        return ExactNumpy(shape, self.rows, arrays, c.epsTerm)


def unpack_exact(data):
    """Reads and checks a model file; raises ValueError saying what is wrong."""
    if data[:8] != MAGIC:
        raise ValueError("not an exact model file: wrong magic")
    config = ExactConfig.unpack(data[8:40])
    config.check()
    size = struct.unpack_from(">I", data, 40)[0]
    at = 44 + size
    tokenizer_section = data[44:at]
    tables = Tables.unpack(data[at:], config)
    at += Tables.size(config)
    rows = {}
    for name, count, width, *_ in config.tensors():
        block = np.frombuffer(
            data, np.dtype([("sum", ">i4"), ("m", ">u2"), ("sh", "u1"), ("bias", ">i4"), ("w", "i1", width)]), count, at
        )
        at += block.nbytes
        if (block["w"].astype(np.int64).sum(1) != block["sum"]).any():
            raise ValueError(f"{name}: a wrong sum")
        rows[name] = Rows(block["w"].copy(), *(block[part].astype(np.int64) for part in ("m", "sh", "bias")))
    model = ExactModel(config, tokenizer_section, tables, rows)
    model.check()
    if data[at:] != model.roots()[0]:
        raise ValueError("wrong length or model root")
    return model


def load_exact(path):
    with open(path, "rb") as f:
        return unpack_exact(f.read())
