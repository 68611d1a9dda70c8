"""Packs a trained checkpoint into one exact model file (docs/exact-arithmetic.md, section 3) and prints its model root.

  /usr/bin/python3 models/training/pack.py --checkpoint build/train/model.npz --tokenizer build/train/tokenizer.json \\
      --out models/wordnet-3m.cocoon

Offline floating point is allowed here: the result is data with a hash. The packer proves that every requantisation
shift stays >= 1 for every input whatsoever, for all matrices but `down`: there the bound of the worst input is
printed, and where it allows less (RQ is then a saturating left shift, defined by the document) the shifts seen on
calibration text must keep 4 bits of distance. It refuses everything else, and a model whose calibration run comes
near the limits of the residual, of gate or of up.
"""

import argparse
import math
import os
from dataclasses import dataclass

import numpy as np

from exact_config import ExactConfig
from exact_file import ExactModel, Tables, pack_tokenizer, unpack_exact
from model import load_checkpoint
from prepare import prepare
from quantize import exp_table, quantize_rows, rope_tables, sampling_table, sigmoid_table
from text import read_synsets, split_lines
from tokenizer import NEWLINE, Tokenizer

CONTEXT = 512
CALIBRATION = (16, 128)  # sequences, tokens each, of training text


class PackError(Exception):
    """The model cannot be packed; the message says which bound fails."""


def calibration_tokens(tokenizer, size=CALIBRATION):
    train, _ = split_lines(read_synsets())
    count, length = size
    stream = [NEWLINE]
    for line in train:
        stream += tokenizer.encode(line)
        if len(stream) > count * length:
            break
    return np.array(stream[: count * length]).reshape(size)


@dataclass
class Bound:
    """Proven largest exponent `e` of the input of a matrix and the resulting smallest shift s = sh - e - F."""

    tensor: str
    exponent: int
    shift: int


def exponent_bound(value):
    """Largest int8 exponent of numbers whose absolute value with 16 fraction bits is at most `value`."""
    return max(0, (math.floor(value) + 1).bit_length() - 7)


def prove_shifts(config, rows):
    """Bounds for every tensor; raises PackError when a shift could fall below 1.

    A norm's int8 output x has exponent e <= -6 (document, section 3). Its real vector has Euclidean length at most 1
    + 2^-15 before rounding to int8 (inv <= 2^30 / r, ssq < 4^z (r + 1)^2) and each rounding moves an element by at
    most 2^e / 2, so |x| <= 1 + 2^-15 + sqrt(d) / 128, and Cauchy-Schwarz bounds every output of a matrix fed by it.
    Rounding of an output adds at most one unit of 2^-F."""
    unit = 1 + 2.0**-15 + math.sqrt(config.dim) / 128
    lengths = lambda name: np.sqrt((rows[name].floats() ** 2).sum(1)) * unit
    out = []

    def need(name, exponent, fraction):
        shift = int(rows[name].sh.min()) - exponent - fraction
        out.append(Bound(name, exponent, shift))
        if shift < 1 and not name.endswith(".down"):
            raise PackError(f"{name}: input exponent may reach {exponent}, shift {shift}; expected at least 1")

    for layer in range(config.layers):
        for name, fraction in (("q", 16), ("k", 16), ("v", 16), ("gate", 8), ("up", 8)):
            need(f"{layer}.{name}", -6, fraction)
        # An attention output is a mean of values. Rounding adds less than 1/128 (v8), 2^-14 (R), and for p'' half a unit
        # at each of at most C positions against Z' >= 65535: C / 65536 (as 2^E <= |v| / 64); 5 % covers C <= 1024.
        assert config.context <= 1024
        values = lengths(f"{layer}.v").max() * 65536 + 1
        need(f"{layer}.o", exponent_bound(values * 1.05) - 16, 16)
        # Op 16: |silu(g)| <= |g|. Op 17 adds 64 channels: sum |g u| <= |g| |u| as vectors of the block, each at most
        # the block's spectral norm times |x|, plus rounding of 64 elements by less than 2^-8; or element by element,
        # saturated at 128. pre <= 7 adds 64 * 2^6 at most, and bl(T) + pre = bl(T 2^pre), so kd + pre is the exponent
        # of the value itself.
        spectral = (
            lambda name: np.linalg.norm(rows[name].floats().reshape(-1, 64, config.dim), 2, (1, 2)) * unit + 8 * 2.0**-8
        )
        single = lambda name: np.minimum(lengths(name) + 2.0**-8, 128)
        one_by_one = (single(f"{layer}.gate") * single(f"{layer}.up")).reshape(-1, 64).sum(1)
        transformed = np.minimum(spectral(f"{layer}.gate") * spectral(f"{layer}.up"), one_by_one).max() * 65536
        need(f"{layer}.down", exponent_bound(transformed + 64 * 64) - 16, 16)
    need("head", -6, 16)
    return out


def check_calibration(exact, tokens):
    """Runs the integers over calibration text; raises PackError near saturation. Returns the peaks as real numbers
    and the smallest shift of RQ by kind of matrix."""
    engine = exact.numpy()
    engine.forward(tokens)
    peaks, shifts = {}, {name: seen[0] for name, seen in engine.shifts.items()}
    if min(shifts.values()) < 5:
        raise PackError(f"smallest shifts on calibration text {shifts}; expected at least 5")
    for name, value in engine.peaks.items():
        half = name.split(".")[1]
        peaks[name] = value / (256 if half in ("gate", "up") else 65536)
        limit = 100 if half in ("gate", "up") else 16384
        if peaks[name] > limit:
            raise PackError(f"{name} reaches {peaks[name]:.1f} on calibration text; the packer allows {limit}")
    return peaks, shifts


def pack(config, weights, tokenizer, calibration):
    """An ExactModel of a checkpoint: config and weights as in model.py, calibration int [sequences, tokens]."""
    exact_config = ExactConfig(
        config["layers"],
        config["d"],
        config["heads"],
        config["kvHeads"],
        config["headDim"],
        config["ffn"],
        config["vocab"],
        CONTEXT,
        math.floor(config["d"] * config["eps"] * 2**32),
    )
    rows = {name: quantize_rows(matrix) for name, matrix in prepare(config, weights, calibration).items()}
    cos, sin = rope_tables(CONTEXT, config["headDim"], config["theta"])
    tables = Tables(
        exp_table().tolist(), sigmoid_table().tolist(), sampling_table().tolist(), cos.tolist(), sin.tolist()
    )
    exact = ExactModel(exact_config, pack_tokenizer(tokenizer, NEWLINE, NEWLINE), tables, rows)
    exact.check()
    return exact


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--checkpoint", required=True)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--out", required=True)
    a = ap.parse_args()
    tokenizer = Tokenizer.load(a.tokenizer)
    calibration = calibration_tokens(tokenizer)
    exact = pack(*load_checkpoint(a.checkpoint), tokenizer, calibration)
    for bound in prove_shifts(exact.config, exact.rows):
        print(f"{bound.tensor:8} input exponent <= {bound.exponent:3}, shift >= {bound.shift}")
    peaks, shifts = check_calibration(exact, calibration)
    for name, peak in peaks.items():
        print(f"{name:8} at most {peak:.2f} on calibration text")
    print(f"smallest shifts on calibration text: {shifts}")
    data = exact.pack()
    assert unpack_exact(data).roots() == exact.roots()
    with open(a.out + ".part", "wb") as f:
        f.write(data)
    os.replace(a.out + ".part", a.out)
    print(f"{a.out}: {len(data)} bytes, model root {exact.roots()[0].hex()}")


if __name__ == "__main__":
    main()
