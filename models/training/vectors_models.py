"""Golden vectors of whole small random models: model files, runs with all roots, leaves of chosen positions."""

import base64
import math
import random

import numpy as np

from exact_config import QK_NORM, WIDE_SWIGLU, ExactConfig
from exact_file import NONE, ExactModel, Tables, pack_tokenizer
from exact_sampling import Sampling, t_of_temperature
from exact_trace import Run
from exact_tree import sha
from quantize import Rows, exp_table, quantize_rows, rope_tables, sampling_table, sigmoid_table
from tokenizer import train_tokenizer

SPREAD = {"emb": 1, "q": 2, "k": 2, "v": 1, "o": 0.3, "gate": 3, "up": 3, "down": 0.01, "head": 1}
PANGRAMS = (
    "The quick brown fox jumps over the lazy dog. Pack my box with five dozen liquor jugs; "
    "how vexingly quick daft zebras jump! 1234567890 times, the five boxing wizards jump quickly.\n"
) * 3


def tables_of(config, theta=1e4):
    cos, sin = rope_tables(config.context, config.headDim, theta)
    return Tables(exp_table().tolist(), sigmoid_table().tolist(), sampling_table().tolist(), cos.tolist(), sin.tolist())


def ordinary_model(config, seed, tokenizer_section):
    """Weights from a normal distribution, of sizes like those of a trained model."""
    rng = np.random.default_rng(seed)
    rows = {
        name: quantize_rows(rng.standard_normal((count, width)) * SPREAD[name.split(".")[-1]])
        for name, count, width, *_ in config.tensors()
    }
    return ExactModel(config, tokenizer_section, tables_of(config), rows)


def extreme_model(config, seed, tokenizer_section):
    """Weights of +-127 and 0 only, extreme multipliers and shifts at their limits: saturates nearly everywhere."""
    rng = np.random.default_rng(seed)
    rows = {}
    for name, count, width, lowest, _ in config.tensors():
        w8 = rng.choice([-127, 127, 0], (count, width), p=[0.45, 0.45, 0.1]).astype(np.int8)
        w8[0], w8[1] = 127, -127
        w8[2] = 0
        m = rng.choice([32768, 65535], count)
        sh = rng.choice([lowest, lowest + 6, 20, 47], count, p=[0.3, 0.3, 0.3, 0.1])
        rows[name] = Rows(w8, m.astype(np.int64), sh.astype(np.int64))
    return ExactModel(config, tokenizer_section, tables_of(config), rows)


def normed_model(config, seed, tokenizer_section):
    """Head norms and biases: layer 0 of ordinary size, every later layer at the limits of both."""
    model = ordinary_model(config, seed, tokenizer_section)
    rng = np.random.default_rng(seed + 1000)
    D = config.headDim
    for layer in range(config.layers):
        for name in ("q", "k"):
            if layer == 0:
                real = (1 + 0.3 * rng.standard_normal(D)) * math.sqrt(D) * (math.log2(math.e) / D**0.5) ** (name == "q")
                gs = 11 if name == "q" else 10
                model.tables.gains.append((gs, [int(v) for v in np.round(real * 2**gs)]))
            else:
                gains = rng.choice([-32768, 32767, 0, 1, -20000, 9], D)
                model.tables.gains.append((0 if name == "q" else 15, [int(v) for v in gains]))
        for name in ("q", "k", "v"):
            rows = model.rows[f"{layer}.{name}"]
            count = len(rows.bias)
            if layer == 0:
                rows.bias[:] = np.round(rng.standard_normal(count) * 65536)
            else:
                rows.bias[:] = rng.choice([2**31 - 1, -(2**31), 0, -1, 3 << 20], count)
    return model


def gated_model(config, seed, tokenizer_section):
    """Gate and up that pass what 16 bits hold, in every later layer by far."""
    model = ordinary_model(config, seed, tokenizer_section)
    rng = np.random.default_rng(seed + 1000)
    for name, count, width, lowest, _ in config.tensors():
        layer, _, kind = name.partition(".")
        if kind not in ("gate", "up", "down"):
            continue
        size = {"gate": 60, "up": 200, "down": 1e-5} if layer == "0" else {"gate": 1.5e5, "up": 1.5e5, "down": 1e-10}
        rows = quantize_rows(rng.standard_normal((count, width)) * size[kind])
        if layer != "0" and kind != "down":
            rows.sh[::5] = lowest
        rows.sh = np.minimum(rows.sh, 47)
        model.rows[name] = rows
    return model


def tiny_models():
    """name -> ExactModel."""
    eps = lambda d: int(d * 1e-5 * 2**32)
    words = pack_tokenizer(train_tokenizer(PANGRAMS, 296), 10, 10, ("<|user|>", "<|end|>"), "<|user|>{prompt}<|end|>")
    bare = pack_tokenizer(train_tokenizer("", 256), NONE, NONE)
    return {
        "grouped": ordinary_model(ExactConfig(2, 64, 4, 2, 16, 320, 300, 256, eps(64)), 1, words),
        "wide": ordinary_model(ExactConfig(1, 320, 2, 2, 32, 64, 256, 768, eps(320)), 2, bare),
        "extreme": extreme_model(ExactConfig(2, 64, 2, 1, 64, 64, 256, 256, 1), 3, bare),
        "single": ordinary_model(ExactConfig(1, 64, 1, 1, 128, 64, 260, 256, eps(64)), 4, bare),
        "normed": normed_model(ExactConfig(2, 64, 4, 2, 32, 64, 256, 256, eps(64), flags=QK_NORM), 5, bare),
        "tall": ordinary_model(ExactConfig(1, 64, 1, 1, 16, 3648, 256, 256, eps(64)), 7, bare),
        "gated": gated_model(ExactConfig(2, 64, 6, 3, 16, 320, 256, 256, eps(64), flags=WIDE_SWIGLU), 6, bare),
    }


def jobs_of(name, config):
    """[(name, prompt, sampling, maxTokens, stop, positions whose leaf hashes are given, positions whose leaves are
    given)]."""
    rng = random.Random(f"jobs {name}")
    prompt = lambda n: [rng.randrange(config.vocab) for _ in range(n)]
    seed = lambda: bytes(rng.randrange(256) for _ in range(32))
    t = t_of_temperature
    if name == "grouped":
        first = prompt(6)
        return [
            ("greedy", first, Sampling(), 6, [], [0, 10], [7]),
            ("full", first, Sampling(t(1.0), seed=seed()), 8, [], [5], []),
            ("top-k", first, Sampling(t(0.8), 5, seed=seed()), 8, [], [5], []),
            ("top-k and top-p", first, Sampling(t(1.3), 40, 58982, seed=seed()), 8, [], [6], []),
            ("min-p", first, Sampling(t(1.0), 0, 0, 3072, seed=seed()), 8, [], [6], []),
            ("all filters", first, Sampling(t(2.0), 256, 32768, 20000, seed=seed()), 8, [], [6], []),
            ("across a trace block", prompt(35), Sampling(), 2, [], [31, 32, 35], []),
            ("one token", [0], Sampling(), 1, [], [0], []),
        ]
    if name == "wide":
        return [
            ("short", prompt(3), Sampling(t(0.9), 7, seed=seed()), 4, [], [0, 2, 5], []),
            ("two position blocks", prompt(258), Sampling(), 3, [], [256], []),
        ]
    if name == "extreme":
        return [
            ("greedy", prompt(8), Sampling(), 8, [], [0, 7, 14], [3]),
            ("full", prompt(8), Sampling(1, seed=seed()), 8, [], [9], []),
        ]
    if name in ("normed", "gated"):
        return [
            ("greedy", prompt(5), Sampling(), 5, [], [0, 8], [6]),
            ("across a trace block", prompt(31), Sampling(t(0.9), 9, 60000, seed=seed()), 4, [], [33], []),
        ]
    return [
        ("greedy", prompt(4), Sampling(), 5, [], [3, 4], []),
        ("largest t", prompt(4), Sampling(2097151, seed=seed()), 4, [], [4], []),
    ]


def leaf_text(leaf):
    return None if leaf is None else base64.b64encode(leaf).decode()


def run_vector(model, job):
    name, prompt, sampling, max_tokens, stop, hashed, opened = job
    keep = set(hashed) | set(opened)
    run = Run(model, prompt, sampling, max_tokens, stop, lambda t: t in keep).run()
    slots = lambda groups, render: [
        {slot: [render(leaf) for leaf in leaves] for slot, leaves in group.items()} for group in groups
    ]
    return dict(
        name=name,
        prompt=prompt,
        sampling=dict(
            t=sampling.t, topK=sampling.topK, topP16=sampling.topP16, minPX=sampling.minPX, seed=sampling.seed.hex()
        ),
        maxTokens=max_tokens,
        stop=stop,
        outputs=run.outputs,
        finish=run.finish,
        traceRoot=run.trace_root.hex(),
        blockRoots=[r.hex() for r in run.block_roots],
        positionRoots=[r.hex() for r in run.position_roots[-40:]],
        draws=[dict(zmax=d.zmax, index=d.imax, kept=d.kept, W=d.W, token=d.token) for d in run.draws],
        leafHashes={t: slots(run.positions[t], lambda leaf: leaf and sha(leaf).hex()) for t in hashed},
        leaves={t: slots(run.positions[t], leaf_text) for t in opened},
    )


def model_vectors():
    """name -> (model file bytes, JSON object)."""
    out = {}
    for name, model in tiny_models().items():
        model.check()
        c = model.config
        jobs = jobs_of(name, c)
        runs = [run_vector(model, job) for job in jobs]
        if name == "grouped":  # the third greedy token as stop token: the run ends early and with it as last output
            greedy = runs[0]["outputs"]
            runs.append(run_vector(model, ("stop", jobs[0][1], Sampling(), 6, [greedy[2]], [], [])))
        root, rows_root, tables_root = model.roots()
        out[name] = (
            model.pack(),
            dict(
                config=c.pack().hex(),
                modelRoot=root.hex(),
                rowsRoot=rows_root.hex(),
                tablesRoot=tables_root.hex(),
                runs=runs,
            ),
        )
    return out


def trained_vectors(model):
    """Runs of the shipped model: one greedy, one seeded, from a text prompt; roots only."""
    prompt = [model.bos] + model.tokenizer.encode("river: ")
    seed = bytes(range(32))
    jobs = [
        ("greedy", prompt, Sampling(), 6, [model.eos], [], []),
        ("seeded", prompt, Sampling(t_of_temperature(0.8), 40, 62259, seed=seed), 6, [model.eos], [], []),
    ]
    return dict(modelRoot=model.roots()[0].hex(), runs=[run_vector(model, job) for job in jobs])
