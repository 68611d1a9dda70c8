"""Float32 and exact arithmetic side by side on the lemma-held-out lines, and the committed sample that lets others
repeat it.

  /usr/bin/python3 models/training/evaluate.py --checkpoint build/train/model.npz --model models/wordnet-3m.cocoon
  ... --sample models/wordnet-held-out.json     also writes 200 held-out lines with the log-likelihood of both

Every line is scored alone, after a newline token. Bits per byte count the line's UTF-8 bytes, newline included.
"""

import argparse
import json
import math

import numpy as np

from exact_file import load_exact
from exact_forward import ExactForward
from float_model import float_forward
from model import load_checkpoint
from text import assert_split_by_lemma, read_synsets, split_lines
from tokenizer import NEWLINE

SAMPLE_LINES = 200


def log_softmax(z):
    z = z - z.max(-1, keepdims=True)
    return z - np.log(np.exp(z).sum(-1, keepdims=True))


def padded(rows):
    """(inputs [n, width], targets [n, width] with -1 as padding) for token lists; each input starts with the newline
    token."""
    width = max(map(len, rows))
    x, y = np.full((len(rows), width), NEWLINE), np.full((len(rows), width), -1)
    for i, row in enumerate(rows):
        x[i, 1 : len(row)], y[i, : len(row)] = row[:-1], row
    return x, y


def score(tokenizer, lines, float_logits, exact_logits, batch=16):
    """One dict per line: bytes, tokens, floatNats, exactNats, sameTop (count of tokens), klNats (sum over tokens)."""
    encoded = [tokenizer.encode(line) for line in lines]
    results = [None] * len(lines)
    order = sorted(range(len(lines)), key=lambda i: len(encoded[i]))
    for at in range(0, len(order), batch):
        chosen = order[at : at + batch]
        x, y = padded([encoded[i] for i in chosen])
        f = log_softmax(float_logits(x).astype(np.float64))
        e = log_softmax(exact_logits(x) / 65536.0)
        real = y >= 0
        pick = lambda lp: -np.take_along_axis(lp, np.maximum(y, 0)[..., None], -1)[..., 0] * real
        nf, ne = pick(f), pick(e)
        same = (f.argmax(-1) == e.argmax(-1)) & real
        kl = (np.exp(f) * (f - e)).sum(-1) * real
        for row, i in enumerate(chosen):
            results[i] = dict(
                bytes=len(lines[i].encode()),
                tokens=len(encoded[i]),
                floatNats=float(nf[row].sum()),
                exactNats=float(ne[row].sum()),
                sameTop=int(same[row].sum()),
                klNats=float(kl[row].sum()),
            )
    return results


def summary(results):
    total = lambda key: sum(r[key] for r in results)
    tokens, size = total("tokens"), total("bytes")
    row = lambda nats: dict(bitsPerByte=nats / math.log(2) / size, perplexity=math.exp(nats / tokens))
    difference = np.array([r["exactNats"] - r["floatNats"] for r in results])
    return dict(
        lines=len(results),
        tokens=tokens,
        bytes=size,
        float32=row(total("floatNats")),
        exact=row(total("exactNats")),
        perplexityRatio=math.exp(difference.sum() / tokens),
        perplexityRatioStandardError=float(difference.std() * math.sqrt(len(results)) / tokens),
        top1Agreement=total("sameTop") / tokens,
        klNats=total("klNats") / tokens,
    )


def assert_same_integers(exact, tokens):
    """The batched numpy forward gives the logits of the plain-integer forward, bit for bit."""
    plain = ExactForward(exact)
    expected = [plain.step(t, True)[1] for t in tokens]
    assert (exact.numpy().forward(np.array([tokens]))[0] == np.array(expected)).all(), "the two integer programs differ"


def write_sample(path, lines, results):
    rows = [
        dict(text=line, tokens=r["tokens"], float32Nats=round(r["floatNats"], 4), exactNats=round(r["exactNats"], 4))
        for line, r in zip(lines[:SAMPLE_LINES], results)
    ]
    with open(path, "w") as f:
        f.write(
            '{"about": "Held-out WordNet 3.0 glosses (LICENSE-WordNet.txt); nats of each line after a newline",\n'
            ' "lines": [\n' + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]}\n"
        )


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--checkpoint", required=True)
    ap.add_argument("--model", required=True)
    ap.add_argument("--lines", type=int, default=10**9)
    ap.add_argument("--sample", help="write the held-out sample here")
    a = ap.parse_args()
    config, weights = load_checkpoint(a.checkpoint)
    exact = load_exact(a.model)
    train, held_out = split_lines(read_synsets())
    assert_split_by_lemma(train, held_out)
    lines = held_out[: a.lines]
    assert_same_integers(exact, [exact.bos] + exact.tokenizer.encode(lines[0])[:11])
    results = score(exact.tokenizer, lines, lambda x: float_forward(config, weights, x), exact.numpy().forward)
    print(json.dumps(summary(results), indent=2))
    if a.sample:
        write_sample(a.sample, lines, results)


if __name__ == "__main__":
    main()
