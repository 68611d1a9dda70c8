"""Writes exact/vectors/proofs.json: golden proofs of docs/exact-arithmetic.md, section 10, in plain Python integers.

  /usr/bin/python3 models/training/vectors_proofs.py exact/vectors

Reads the model `grouped` and its jobs from exact/vectors, runs them with the independent program and builds every tree
whole. Needs nothing but Python; no TypeScript of this repository is read. Deterministic.
"""

import argparse
import json
import os
import struct
from types import SimpleNamespace

from exact_config import ExactConfig, log2_ceil, segments, up_to_multiple_of_3
from exact_sampling import Sampling
from exact_trace import Run, flat_leaves
from exact_tree import PADDING, node, row_bytes, sha

TABLES = (("exp", 512), ("sigmoid", 1026), ("sampling", 3072))


def read_model(data):
    """Config, tables and rows of a model file as Run wants them, and the bytes of every part of the model tree."""
    config = ExactConfig.unpack(data[8:40])
    size = struct.unpack_from(">I", data, 40)[0]
    at = 44
    parts = dict(config=data[8:40], tokenizer=data[at : at + size])
    at += size
    for name, length in TABLES:
        parts[name] = data[at : at + length]
        at += length
    rope = [data[at + 2 * config.headDim * t :][: 2 * config.headDim] for t in range(config.context)]
    at += 2 * config.headDim * config.context
    rows, leaves, first = {}, [], {}
    for name, count, width, *_ in config.tensors():
        rows[name], first[name] = SimpleNamespace(w8=[], m=[], sh=[]), len(leaves)
        for _ in range(count):
            header, weights = data[at : at + 11], struct.unpack_from(f">{width}b", data, at + 11)
            at += 11 + width
            _, m, sh, _ = struct.unpack(">iHBi", header)
            for field, value in (("w8", weights), ("m", m), ("sh", sh)):
                getattr(rows[name], field).append(value)
            pieces = row_bytes(weights, reverse=True)
            leaves += [header + pieces[0]] + pieces[1:]
    half = config.headDim // 2
    turned = [struct.unpack(f">{2 * half}h", r) for r in rope]
    tables = SimpleNamespace(
        exp=list(struct.unpack(">256H", parts["exp"])),
        sigmoid=list(struct.unpack(">513H", parts["sigmoid"])),
        sampling=[int.from_bytes(parts["sampling"][i : i + 3], "big") for i in range(0, 3072, 3)],
        cos=[list(r[:half]) for r in turned],
        sin=[list(r[half:]) for r in turned],
    )
    return SimpleNamespace(
        config=config, tables=tables, rows=rows, parts=parts, rope=rope, leaves=leaves, first=first, root=data[at:]
    )


def levels(hashes, depth):
    """All levels of a whole tree, leaves first; nothing is folded or skipped."""
    out = [list(hashes) + [PADDING] * ((1 << depth) - len(hashes))]
    while len(out[-1]) > 1:
        out.append([node(out[-1][i], out[-1][i + 1]) for i in range(0, len(out[-1]), 2)])
    return out


def path_of(tree, index):
    return [level[(index >> d) ^ 1] for d, level in enumerate(tree[:-1])]


def trace_hashes(run, config):
    """The hash of every leaf of one block after the other, as {leaf index: hash}; all others are padding."""
    out = {}
    for t, groups in run.positions.items():
        for g, group in enumerate(groups):
            base = ((t << config.token_depth) + g) << config.group_depth
            for i, leaf in enumerate(flat_leaves(config, g, group)):
                if leaf is not None:
                    out[base + i] = sha(leaf)
    return out


def sparse_levels(hashes, depth):
    """Like `levels`, for few leaves in a deep tree: each level as {index: hash}, and what every other node is."""
    out, filler = [(hashes, PADDING)], PADDING
    for _ in range(depth):
        below = out[-1][0]
        filler_below, filler = filler, node(filler, filler)
        pick = lambda i: below.get(i, filler_below)
        out.append(({i: node(pick(2 * i), pick(2 * i + 1)) for i in sorted({k >> 1 for k in below})}, filler))
    return out


def leaf_proof(model, run, tree, address):
    c = model.config
    block, position, group, slot, leaf = address
    at = 0
    for name, count in c.slots(group) if group <= c.layers + 1 else []:
        if name == slot:
            break
        at += count
    of_group = ((32 * block + position) << c.token_depth) + group
    index = (of_group << c.group_depth) + at + leaf
    groups = run.positions.get(32 * block + position, [])
    value = groups[group].get(slot, [None])[leaf] if group < len(groups) and slot != "unused" else None
    path = [level.get(index >> d ^ 1, filler) for d, (level, filler) in enumerate(tree[:-1])]
    return dict(
        address=dict(block=block, position=position, group=group, slot=slot, leaf=leaf),
        index=index,
        bytes=None if value is None else value.hex(),
        path=[h.hex() for h in path],
    )


def children(tree, depth, total):
    """[[index of the node, its children]] for the first and the last node with leaves below at that depth."""
    step = min(5, total - depth)
    level, filler = tree[total - depth - step]
    known = sorted(tree[total - depth][0])
    return [
        dict(depth=depth, index=i, children=[level.get((i << step) + j, filler).hex() for j in range(1 << step)])
        for i in sorted({known[0], known[-1]})
    ]


def trace_vectors(model, run_vector, addresses):
    c, s = model.config, run_vector["sampling"]
    sampling = Sampling(s["t"], s["topK"], s["topP16"], s["minPX"], bytes.fromhex(s["seed"]))
    run = Run(model, run_vector["prompt"], sampling, run_vector["maxTokens"], run_vector["stop"]).run()
    tree = sparse_levels(trace_hashes(run, c), c.trace_depth)
    root = tree[-1][0][0]
    assert root == run.trace_root, "two ways to the same root"
    return dict(
        run=run_vector["name"],
        traceRoot=root.hex(),
        blockRoots=[r.hex() for r in run.block_roots],
        leaves=[leaf_proof(model, run, tree, a) for a in addresses],
        nodes=[n for d in range(0, c.trace_depth, 5) for n in children(tree, d, c.trace_depth)],
    )


def model_vectors(model, rows):
    """Proofs of every kind of part; `rows` are (TypeScript's name, name of section 3's program, row, leaf)."""
    c, parts = model.config, model.parts
    rows_tree = levels([sha(leaf) for leaf in model.leaves], up_to_multiple_of_3(log2_ceil(len(model.leaves))))
    rope_tree = levels([sha(r) for r in model.rope], log2_ceil(c.context))
    exp, sigmoid, sampling = (sha(parts[name]) for name, _ in TABLES)
    rows_root, rope_root = rows_tree[-1][0], rope_tree[-1][0]
    shapes, draws = node(exp, sigmoid), node(sampling, rope_root)
    left, tables_root = node(sha(parts["config"]), rows_root), node(shapes, draws)
    right = node(sha(parts["tokenizer"]), tables_root)
    assert node(left, right) == model.root
    up = [sha(parts["tokenizer"]), left]
    proof = lambda address, value, path: dict(address=address, bytes=value.hex(), path=[h.hex() for h in path])
    part = lambda name, *path: proof(dict(part=name), parts[name], path)
    out = [
        part("config", rows_root, right),
        part("tokenizer", tables_root, left),
        part("exp", sigmoid, draws, *up),
        part("sigmoid", exp, draws, *up),
        part("sampling", rope_root, shapes, *up),
    ]
    for t in (0, c.context - 1):
        out.append(proof(dict(part="rope", t=t), model.rope[t], path_of(rope_tree, t) + [sampling, shapes] + up))
    widths = {name: width for name, _, width, *_ in c.tensors()}
    for matrix, name, row, leaf in rows:
        at = model.first[name] + row * segments(widths[name]) + leaf
        way = path_of(rows_tree, at) + [sha(parts["config"]), right]
        out.append(proof(dict(part="row", matrix=matrix, row=row, leaf=leaf), model.leaves[at], way))
    return out


LEAVES = {
    "across a trace block": [
        (0, 0, 0, "token", 0),
        (0, 31, 1, "vt", 1),
        (1, 0, 1, "vt", 1),
        (1, 0, 2, "k8", 1),
        (1, 2, 3, "logits", 1),
        (1, 2, 3, "draw", 0),
        (1, 2, 3, "top", 0),
        (1, 1, 3, "norm", 0),
        (1, 3, 3, "draw", 0),
        (1, 4, 1, "q", 0),
        (1, 2, 0, "unused", 0),
        (2, 0, 0, "h", 0),
    ],
    "top-k": [(0, 5, 3, "top", 0), (0, 5, 3, "sums", 0)],
}
ROWS = [("embedding", "emb", 0, 0), ("layers.1.down", "1.down", 63, 0), ("head", "head", 299, 0)]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    folder = ap.parse_args().folder
    with open(os.path.join(folder, "grouped.cocoon"), "rb") as f:
        model = read_model(f.read())
    with open(os.path.join(folder, "grouped.json")) as f:
        runs = {run["name"]: run for run in json.load(f)["runs"]}
    out = dict(
        model="grouped",
        modelRoot=model.root.hex(),
        parts=model_vectors(model, ROWS),
        traces=[trace_vectors(model, runs[name], addresses) for name, addresses in LEAVES.items()],
    )
    with open(os.path.join(folder, "proofs.json"), "w") as f:
        lines = (f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in out.items())
        f.write("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
