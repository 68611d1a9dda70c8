"""SHA-256 trees of docs/exact-arithmetic.md: node = SHA-256(left || right), padding leaf = 32 zero bytes, fixed
depth."""

import hashlib

PADDING = bytes(32)


def sha(data):
    return hashlib.sha256(data).digest()


def node(left, right):
    return sha(left + right)


def empty_root(depth):
    """Root of a tree whose every leaf is a padding leaf."""
    root = PADDING
    for _ in range(depth):
        root = node(root, root)
    return root


def tree_root(hashes, depth, below=0):
    """Root over `hashes`, at most 2^depth of them; missing ones are roots of empty trees of depth `below`."""
    assert len(hashes) <= 1 << depth, f"{len(hashes)} leaves in a tree of depth {depth}"
    level, filler = list(hashes), empty_root(below)
    for _ in range(depth):
        if len(level) % 2:
            level.append(filler)
        level = [node(level[i], level[i + 1]) for i in range(0, len(level), 2)]
        filler = node(filler, filler)
    return level[0] if level else filler


def row_bytes(values, reverse=False):
    """q + 128, padded with 128 to a multiple of 120, each 30-byte word reversed on demand, cut after every 3600
    bytes."""
    data = bytes(v + 128 for v in values)
    data += bytes([128]) * (-len(data) % 120)
    if reverse:
        data = b"".join(data[i : i + 30][::-1] for i in range(0, len(data), 30))
    return [data[i : i + 3600] for i in range(0, len(data), 3600)]
