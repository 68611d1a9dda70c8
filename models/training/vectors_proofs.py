"""Writes exact/vectors/proofs.json: golden proofs of docs/exact-arithmetic.md, section 10, in plain Python integers.

  /usr/bin/python3 models/training/vectors_proofs.py exact/vectors

Reads the models of MODELS and their jobs from exact/vectors, runs them with the independent program and builds every
tree whole. Needs nothing but Python; no TypeScript of this repository is read. Deterministic.
"""

import argparse
import json
import os
import struct
from types import SimpleNamespace

from exact_config import ExactConfig, log2_ceil, segments, up_to_multiple_of_3
from exact_sampling import Sampling
from exact_trace import Run, commit_leaves, flat_leaves
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
    count = 2 * config.layers if config.head_norm else 0
    size = 1 + 2 * config.headDim
    gains = [data[at + size * i : at + size * (i + 1)] for i in range(count)]
    at += size * count
    rows, leaves, first = {}, [], {}
    for name, count, width, *_ in config.tensors():
        rows[name], first[name] = SimpleNamespace(w8=[], m=[], sh=[], bias=[]), len(leaves)
        for _ in range(count):
            header, weights = data[at : at + 11], struct.unpack_from(f">{width}b", data, at + 11)
            at += 11 + width
            _, m, sh, bias = struct.unpack(">iHBi", header)
            for field, value in (("w8", weights), ("m", m), ("sh", sh), ("bias", bias)):
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
        gains=[(g[0], struct.unpack(f">{config.headDim}h", g[1:])) for g in gains],
    )
    return SimpleNamespace(
        config=config,
        tables=tables,
        rows=rows,
        parts=parts,
        rope=rope,
        gains=gains,
        leaves=leaves,
        first=first,
        root=data[at:],
    )


def levels(hashes, depth):
    """All levels of a whole tree, leaves first; nothing is folded or skipped."""
    out = [list(hashes) + [PADDING] * ((1 << depth) - len(hashes))]
    while len(out[-1]) > 1:
        out.append([node(out[-1][i], out[-1][i + 1]) for i in range(0, len(out[-1]), 2)])
    return out


def path_of(tree, index):
    return [level[(index >> d) ^ 1] for d, level in enumerate(tree[:-1])]


def commit_hashes(run, config):
    """{leaf index: hash} of the commit tree; all others are padding."""
    out = {}
    for t, groups in run.positions.items():
        for i, leaf in enumerate(commit_leaves(config, groups)):
            if leaf is not None:
                out[(t << config.commit_depth) + i] = sha(leaf)
    return out


def inner_hashes(groups, config):
    """{leaf index: hash} of the position tree of one position; all others are padding."""
    return {
        (g << config.group_depth) + i: sha(leaf)
        for g, group in enumerate(groups)
        for i, leaf in enumerate(flat_leaves(config, g, group))
        if leaf is not None
    }


def sparse_levels(hashes, depth):
    """Like `levels`, for few leaves in a deep tree: each level as {index: hash}, and what every other node is."""
    out, filler = [(hashes, PADDING)], PADDING
    for _ in range(depth):
        below = out[-1][0]
        filler_below, filler = filler, node(filler, filler)
        pick = lambda i: below.get(i, filler_below)
        out.append(({i: node(pick(2 * i), pick(2 * i + 1)) for i in sorted({k >> 1 for k in below})}, filler))
    return out


def commit_place(c, group, slot, leaf):
    """Index of a leaf of the commit tree within its position."""
    if group <= c.layers:
        return (2 * (group - 1) + ("k8", "v8").index(slot)) * c.key_leaves + leaf
    return 2 * c.layers * c.key_leaves + ("draw", "unused").index(slot) + leaf


def inner_place(c, group, slot, leaf):
    """Index of a leaf in the position tree."""
    at = 0
    for name, count in c.slots(group) if group <= c.layers + 1 else []:
        if name == slot:
            break
        at += count
    return (group << c.group_depth) + at + leaf


def leaf_proof(run, tree, address, index):
    block, position, group, slot, leaf = address
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


def golden_tree(run, tree, total, addresses, place):
    return dict(
        leaves=[leaf_proof(run, tree, a, place(a)) for a in addresses],
        nodes=[n for d in range(0, total, 5) for n in children(tree, d, total)],
    )


def position_vectors(run, c, t, addresses):
    tree = sparse_levels(inner_hashes(run.positions[t], c), c.position_depth)
    root = tree[-1][0][0]
    assert root == run.position_roots[t], "two ways to the same root"
    of = [(t // 32, t % 32, *a) for a in addresses]
    return dict(
        t=t,
        positionRoot=root.hex(),
        **golden_tree(run, tree, c.position_depth, of, lambda a: inner_place(c, *a[2:])),
    )


def trace_vectors(model, run_vector, addresses, positions):
    c, s = model.config, run_vector["sampling"]
    sampling = Sampling(s["t"], s["topK"], s["topP16"], s["minPX"], bytes.fromhex(s["seed"]))
    run = Run(model, run_vector["prompt"], sampling, run_vector["maxTokens"], run_vector["stop"]).run()
    tree = sparse_levels(commit_hashes(run, c), c.trace_depth)
    root = tree[-1][0][0]
    assert root == run.trace_root, "two ways to the same root"
    place = lambda a: ((32 * a[0] + a[1]) << c.commit_depth) + commit_place(c, *a[2:])
    return dict(
        run=run_vector["name"],
        traceRoot=root.hex(),
        blockRoots=[r.hex() for r in run.block_roots],
        **golden_tree(run, tree, c.trace_depth, addresses, place),
        positions=[position_vectors(run, c, t, inner) for t, inner in positions.items()],
    )


def model_vectors(model, rows, gains):
    """Proofs of every kind of part; `rows` are (TypeScript's name, name of section 3's program, row, leaf), `gains`
    (layer, "q" or "k")."""
    c, parts = model.config, model.parts
    rows_tree = levels([sha(leaf) for leaf in model.leaves], up_to_multiple_of_3(log2_ceil(len(model.leaves))))
    rope_tree = levels([sha(r) for r in model.rope], log2_ceil(c.context))
    exp, sigmoid, sampling = (sha(parts[name]) for name, _ in TABLES)
    rows_root, rope_root = rows_tree[-1][0], rope_tree[-1][0]
    gains_tree = levels([sha(g) for g in model.gains], log2_ceil(2 * c.layers)) if c.head_norm else None
    turns = node(rope_root, gains_tree[-1][0]) if gains_tree else rope_root
    shapes, draws = node(exp, sigmoid), node(sampling, turns)
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
        part("sampling", turns, shapes, *up),
    ]
    beside = [gains_tree[-1][0]] if gains_tree else []
    for t in (0, c.context - 1):
        way = path_of(rope_tree, t) + beside + [sampling, shapes] + up
        out.append(proof(dict(part="rope", t=t), model.rope[t], way))
    for layer, of in gains:
        i = 2 * layer + "qk".index(of)
        way = path_of(gains_tree, i) + [rope_root, sampling, shapes] + up
        out.append(proof(dict(part="gains", layer=layer, of=of), model.gains[i], way))
    widths = {name: width for name, _, width, *_ in c.tensors()}
    for matrix, name, row, leaf in rows:
        at = model.first[name] + row * segments(widths[name]) + leaf
        way = path_of(rows_tree, at) + [sha(parts["config"]), right]
        out.append(proof(dict(part="row", matrix=matrix, row=row, leaf=leaf), model.leaves[at], way))
    return out


# run -> (addresses of the commit tree, {position: (group, slot, leaf) of its position tree})
GROUPED = {
    "across a trace block": (
        [
            (0, 0, 1, "k8", 0),
            (0, 31, 2, "v8", 0),
            (1, 0, 1, "v8", 0),
            (1, 1, 3, "draw", 0),
            (1, 2, 3, "draw", 0),
            (1, 3, 3, "draw", 0),
            (1, 4, 1, "k8", 0),
            (1, 2, 3, "unused", 2),
            (7, 31, 2, "k8", 0),
        ],
        {
            0: [(0, "token", 0), (1, "e", 0), (3, "norm", 0), (0, "unused", 0)],
            32: [(1, "vt", 1), (1, "vt", 3), (1, "vt", 4), (2, "k8", 0), (1, "q8", 3)],
            34: [(3, "logits", 1), (3, "draw", 0), (3, "top", 0), (5, "unused", 1), (1, "gate", 1)],
        },
    ),
    "top-k": ([(0, 5, 3, "draw", 0)], {5: [(3, "top", 0), (3, "sums", 0), (2, "h2", 0)]}),
}
NORMED = {
    "greedy": (
        [(0, 8, 2, "k8", 0), (0, 8, 1, "v8", 0)],
        {8: [(1, "headNorm", 0), (2, "headNorm", 0), (2, "qn", 0), (1, "kn", 0), (1, "unused", 0)]},
    )
}
GATED = {"greedy": ([(0, 8, 2, "v8", 0)], {8: [(1, "gate", 1), (2, "up", 0), (2, "mlpMax", 0), (3, "draw", 0)]})}
# model -> (runs, rows, layers and sides of the gains)
MODELS = {
    "grouped": (GROUPED, [("embedding", "emb", 0, 0), ("layers.1.down", "1.down", 63, 0), ("head", "head", 299, 0)], []),
    "normed": (
        NORMED,
        [("layers.0.query", "0.q", 5, 0), ("layers.1.value", "1.v", 63, 0)],
        [(0, "q"), (0, "k"), (1, "k")],
    ),
    "gated": (GATED, [("layers.1.gate", "1.gate", 0, 0)], []),
}


def proofs_of(folder, name, jobs, rows, gains):
    with open(os.path.join(folder, f"{name}.cocoon"), "rb") as f:
        model = read_model(f.read())
    with open(os.path.join(folder, f"{name}.json")) as f:
        runs = {run["name"]: run for run in json.load(f)["runs"]}
    return dict(
        model=name,
        modelRoot=model.root.hex(),
        parts=model_vectors(model, rows, gains),
        traces=[trace_vectors(model, runs[run], *leaves) for run, leaves in jobs.items()],
    )


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    folder = ap.parse_args().folder
    out = [proofs_of(folder, name, *what) for name, what in MODELS.items()]
    with open(os.path.join(folder, "proofs.json"), "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in out) + "\n]\n")


if __name__ == "__main__":
    main()
