"""Writes exact/vectors: golden vectors of docs/exact-arithmetic.md, computed in plain Python integers.

  /usr/bin/python3 models/training/vectors.py exact/vectors --model models/wordnet-3m.cocoon

Deterministic: the same files every time. Needs Debian's python3-numpy. No TypeScript of this repository is read.
"""

import argparse
import base64
import json
import os
import random

from exact_config import QK_NORM, WIDE_SWIGLU, ExactConfig
from exact_file import load_exact, pack_tokenizer, read_tokenizer
from exact_sampling import Sampling, draw, t_of_temperature
from quantize import sampling_table
from tokenizer import train_tokenizer
from vectors_models import PANGRAMS, model_vectors, trained_vectors
from vectors_ops import i32, op_vectors

TEXTS = [
    "",
    " ",
    "\n",
    "a",
    "The quick brown fox jumps over the lazy dog.",
    "river: a large natural stream of water",
    "to walk: ",
    "don't stop; \"it's 1999\" (x=3.14)",
    "  two leading blanks",
    "trailing blanks   ",
    "tabs\tand\r\nlines\n\n\nend",
    "\x0b\x0c vertical tab and form feed",
    "a\u00a0no-break space",
    "line\u2028separator\u2029",
    "\ufeffbyte order mark",
    "Grüße, naïve café",
    "Привет, как дела?",
    "日本語のテキスト、漢字とかな",
    "한국어 문장",
    "العربية من اليمين",
    "עברית",
    "हिन्दी में",
    "ไทย",
    "emoji 😀👩‍👩‍👧‍👦🇨🇭 and ☃️",
    "𝔘𝔫𝔦𝔠𝔬𝔡𝔢",
    "e\u0301 combining",
    "\x00 control \x07\x1f\x7f",
    "\x1c\x1d\x1e\x1f\x85 separators",
    "x" * 300,
    "0123456789 42 007 1e10",
    "CamelCaseWords andMORE",
    "...!!!???---",
    "<|user|>hello<|end|>",
    " \n \n ",
    "a\nb: c\n",
]


def tokenizer_vectors(section):
    tokenizer, bos, eos = read_tokenizer(section)
    rng = random.Random("tokenizer")
    decodes = [[i] for i in (0, 65, 255, 256, tokenizer.size - 1)] + [[0xE2, 0x82], [0xE2, 0x82, 0xAC]]
    decodes += [[rng.randrange(tokenizer.size) for _ in range(12)] for _ in range(10)]
    cases = [dict(text=text, tokens=tokenizer.encode(text)) for text in TEXTS]
    assert all(tokenizer.decode_bytes(c["tokens"]) == c["text"].encode() for c in cases)
    return dict(
        section=base64.b64encode(section).decode(),
        bos=bos,
        eos=eos,
        size=tokenizer.size,
        encode=cases,
        decode=[dict(tokens=ids, bytes=tokenizer.decode_bytes(ids).hex()) for ids in decodes + [[65, 5000, 66]]],
    )


def sampling_vectors():
    table = sampling_table().tolist()
    rng = random.Random("sampling")
    t = t_of_temperature
    normal = lambda n, sigma: [round(rng.gauss(0, sigma) * 65536) for _ in range(n)]
    logits = {
        "ordinary": normal(300, 2.5),
        "flat": normal(520, 0.2),
        "peaked": [0] * 255 + [40 << 16],
        "all equal": [7] * 256,
        "extremes": [2**31 - 1, -(2**31) + 1] * 128 + [2**31 - 1],
        "ties": [rng.randrange(4) << 14 for _ in range(300)],
        "many": normal(1024, 2),
    }
    params = [
        Sampling(),
        Sampling(t(1.0)),
        Sampling(t(0.7), 40, 62259),
        Sampling(t(1.0), 1),
        Sampling(t(1.0), 256),
        Sampling(t(1.5), 256, 1),
        Sampling(t(1.5), 256, 65535),
        Sampling(t(1.0), 0, 0, 1),
        Sampling(t(1.0), 0, 0, 24575),
        Sampling(t(0.9), 20, 32768, 2048),
        Sampling(1),
        Sampling(2097151),
    ]
    out = []
    for name, z in logits.items():
        cases = []
        for p in params:
            for step in (0, 1, 2**32 + 5):
                p = Sampling(p.t, p.topK, p.topP16, p.minPX, bytes(rng.randrange(256) for _ in range(32)))
                d = draw(z, p, step, table)
                cases.append(
                    dict(
                        t=p.t,
                        topK=p.topK,
                        topP16=p.topP16,
                        minPX=p.minPX,
                        seed=p.seed.hex(),
                        step=step,
                        zmax=d.zmax,
                        index=d.imax,
                        kept=d.kept,
                        W=d.W,
                        token=d.token,
                        lastEntries=[list(e) for e in d.entries[-2:]],
                        sums=d.sums if step == 0 else [],
                    )
                )
        out.append(dict(name=name, logits=i32(z), cases=cases))
    return out


def config_vectors():
    good = [
        ExactConfig(1, 64, 1, 1, 16, 64, 256, 256, 1),
        ExactConfig(4, 256, 8, 4, 32, 640, 2048, 512, 10995116),
        ExactConfig(22, 2048, 32, 4, 64, 5632, 32000, 2048, 879609),
        ExactConfig(32, 4096, 32, 8, 128, 14336, 128256, 4096, 175921),
        ExactConfig(3, 3648, 4, 2, 32, 3648, 300, 768, 9),
        ExactConfig(28, 1024, 16, 8, 128, 3072, 151936, 4096, 4398, flags=QK_NORM),
        ExactConfig(24, 896, 14, 2, 64, 4864, 151936, 4096, 3848, flags=WIDE_SWIGLU),
        ExactConfig(2, 64, 64, 64, 128, 64, 256, 256, 1, flags=QK_NORM | WIDE_SWIGLU),
    ]
    bad = [
        ("formatVersion", dict(formatVersion=1)),
        ("formatVersion", dict(formatVersion=3)),
        ("semantics", dict(semantics=1)),
        ("layers", dict(layers=127)),
        ("layers", dict(layers=0)),
        ("dim", dict(dim=96)),
        ("headDim", dict(headDim=48)),
        ("kvHeads", dict(kvHeads=3)),
        ("heads", dict(heads=65, kvHeads=65)),
        ("ffn", dict(ffn=0)),
        ("vocab", dict(vocab=255)),
        ("context", dict(context=300)),
        ("flags", dict(flags=4)),
        ("flags", dict(flags=2**31)),
        ("epsTerm", dict(epsTerm=0)),
    ]
    base = dict(layers=2, dim=64, heads=4, kvHeads=2, headDim=16, ffn=64, vocab=256, context=256, epsTerm=1)
    accepted, refused = [], []
    for c in good:
        c.check()
        accepted.append(
            dict(
                config=c.pack().hex(),
                commitDepth=c.commit_depth,
                blockDepth=c.block_depth,
                groupDepth=c.group_depth,
                tokenDepth=c.token_depth,
                slots=[[[name, n] for name, n in c.slots(g)] for g in (0, 1, c.layers + 1)],
            )
        )
    for field, change in bad:
        c = ExactConfig(**{**base, **change})
        try:
            c.check()
            raise AssertionError(f"{field} {change} should be refused")
        except ValueError:
            refused.append(dict(config=c.pack().hex(), field=field))
    return dict(accepted=accepted, refused=refused)


def write(folder, name, value):
    with open(os.path.join(folder, name), "w") as f:
        if isinstance(value, list):
            f.write("[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]\n")
        else:
            f.write(
                "{\n"
                + ",\n".join(f"{json.dumps(k)}: {json.dumps(v, separators=(',', ':'))}" for k, v in value.items())
                + "\n}\n"
            )


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("folder")
    ap.add_argument("--model", required=True, help="the shipped model file: vectors of its tokenizer and of two runs")
    a = ap.parse_args()
    os.makedirs(a.folder, exist_ok=True)
    write(a.folder, "ops.json", op_vectors())
    write(a.folder, "sampling.json", sampling_vectors())
    write(a.folder, "config.json", config_vectors())
    small = pack_tokenizer(train_tokenizer(PANGRAMS, 296), 10, 10, ("<|user|>", "<|end|>"), "<|user|>{prompt}<|end|>")
    model = load_exact(a.model)
    write(
        a.folder,
        "tokenizer.json",
        {"small": tokenizer_vectors(small), "trained": tokenizer_vectors(model.tokenizer_section)},
    )
    write(a.folder, "trained.json", trained_vectors(model))
    for name, (data, vectors) in model_vectors().items():
        with open(os.path.join(a.folder, f"{name}.cocoon"), "wb") as f:
            f.write(data)
        write(a.folder, f"{name}.json", vectors)


if __name__ == "__main__":
    main()
