"""Sampling and finish rules of docs/exact-arithmetic.md, section 7, in plain integers."""

import hashlib
import math
from dataclasses import dataclass

import exact_ops as ops


@dataclass(frozen=True)
class Sampling:
    """t = 0 is greedy; else t = round(2^16 log2(e) / temperature). topK, topP16, minPX: 0 = off. seed: 32 bytes."""

    t: int = 0
    topK: int = 0
    topP16: int = 0
    minPX: int = 0
    seed: bytes = bytes(32)

    def check(self):
        rules = [
            ("t", 0 <= self.t <= 2097151),
            ("topK", 0 <= self.topK <= 256),
            ("topP16", 0 <= self.topP16 <= 65535),
            ("minPX", 0 <= self.minPX <= 24575),
            ("topP16 needs topK", not self.topP16 or self.topK > 0),
            ("greedy takes no filter", self.t > 0 or (self.topK, self.topP16, self.minPX) == (0, 0, 0)),
            ("seed", len(self.seed) == 32),
        ]
        for name, good in rules:
            if not good:
                raise ValueError(f"sampling: {name}")


def t_of_temperature(temperature):
    return round(65536 * math.log2(math.e) / temperature)


@dataclass
class Draw:
    """token; zmax and its index; mode 'greedy', 'full' or 'top'; entries [(z, id, w)] in top mode; sums in full
    mode."""

    token: int
    zmax: int
    imax: int
    mode: str
    kept: int
    W: int
    entries: list
    sums: list


def weight(zmax, z, params, table):
    distance = (zmax - z) * params.t + 2**21
    assert 0 <= distance < 2**53
    x = distance >> 22
    if x >= 24576 or (params.minPX and x > params.minPX):
        return 0
    return ops.rsh(table[x % 1024], x // 1024)


def uniform(seed, step):
    """The first 16 bytes of SHA-256(seed, u64 step) as an integer."""
    return int.from_bytes(hashlib.sha256(seed + step.to_bytes(8, "big")).digest()[:16], "big")


def pick(weights_by_id, total, seed, step):
    """The first id, in id order, whose running sum exceeds u."""
    u = uniform(seed, step) * total >> 128
    running = 0
    for token, w in sorted(weights_by_id):
        running += w
        if running > u:
            return token
    raise AssertionError("u is below the total")


def draw(logits, params, step, table):
    params.check()
    zmax, imax = ops.top(logits)
    if params.t == 0:
        return Draw(imax, zmax, imax, "greedy", 0, 0, [], [])
    if params.topK == 0:
        weights = [weight(zmax, z, params, table) for z in logits]
        sums, running = [], 0
        for at in range(0, len(weights), 64):
            running += sum(weights[at : at + 64])
            sums.append(running)
        return Draw(pick(enumerate(weights), running, params.seed, step), zmax, imax, "full", 0, running, [], sums)
    order = sorted(range(len(logits)), key=lambda i: (-logits[i], i))[: min(params.topK, len(logits))]
    entries = [(logits[i], i, weight(zmax, logits[i], params, table)) for i in order]
    kept = len(entries)
    if params.topP16:
        total, running = sum(w for _, _, w in entries), 0
        for kept, (_, _, w) in enumerate(entries, 1):
            running += w
            if 65536 * running >= params.topP16 * total:
                break
    W = sum(w for _, _, w in entries[:kept])
    token = pick([(i, w) for _, i, w in entries[:kept]], W, params.seed, step)
    return Draw(token, zmax, imax, "top", kept, W, entries, [])
