"""Token streams of the deep accuracy model: WordNet glosses, split by lemma (text.py), in a given BPE.

  /usr/bin/python3 prepare_deep.py --tokenizer tokenizer.json --out data.npz

`train`: training lines; `dev`: the first two thirds of the held-out lines. The last third is in no file of the training;
the evaluation data of models/accuracy is made of it."""

import argparse

import numpy as np

from text import assert_split_by_lemma, read_synsets, split_lines
from tokenizer import Tokenizer


def held_out_parts():
    """(train, dev, test) lines."""
    train, held_out = split_lines(read_synsets())
    assert_split_by_lemma(train, held_out)
    cut = 2 * len(held_out) // 3
    return train, held_out[:cut], held_out[cut:]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    tokenizer = Tokenizer.load(a.tokenizer)
    train, dev, test = held_out_parts()
    stream = lambda lines: np.array(tokenizer.encode("".join(lines)), np.uint16)
    parts = dict(train=stream(train), dev=stream(dev))
    np.savez_compressed(a.out, **parts)
    print({name: len(tokens) for name, tokens in parts.items()}, "tokens; held out for good:", len(stream(test)))


if __name__ == "__main__":
    main()
