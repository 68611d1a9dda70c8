"""Byte-level BPE tokenizer (Sennrich et al. 2016, on bytes as in GPT-2).

Tokens 0..255 are the bytes, token 256 + i is the i-th merge. The UTF-8 bytes are first cut by pretokenizer 1 of
docs/exact-arithmetic.md (section 3). The training text has no blank next to a newline and only single spaces, so no
merge holds a newline: token 10 means "start / end of a line" and nothing else."""

import json
import re
from collections import Counter, defaultdict

PRETOKENIZER_1 = re.compile(rb" ?[A-Za-z]+| ?[0-9]+| ?[^\x09-\x0d A-Za-z0-9]+|[\x09-\x0d ]+")
NEWLINE = 10


class Tokenizer:
    """merges: list of (left token, right token), in order of rank; specials: texts of the tokens after the merges."""

    def __init__(self, merges, specials=()):
        self.merges = [tuple(m) for m in merges]
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.bytes_of = [bytes([i]) for i in range(256)]
        for left, right in self.merges:
            self.bytes_of.append(self.bytes_of[left] + self.bytes_of[right])
        self.bytes_of += [text.encode("utf-8") for text in specials]
        self.cache = {}

    @property
    def size(self):
        return len(self.bytes_of)

    def encode_word(self, word):
        """Token list of one piece of bytes: repeatedly merges the pair of lowest rank, leftmost first."""
        seq = list(word)
        while len(seq) > 1:
            rank, at = min((self.rank.get(pair, 1 << 30), i) for i, pair in enumerate(zip(seq, seq[1:])))
            if rank == 1 << 30:
                break
            seq[at : at + 2] = [256 + rank]
        return seq

    def encode(self, text):
        """Token list of a text; decode(encode(text)) == text for every str without lone surrogates."""
        return self.encode_bytes(text.encode("utf-8"))

    def encode_bytes(self, data):
        out = []
        for word in PRETOKENIZER_1.findall(data):
            if word not in self.cache:
                self.cache[word] = self.encode_word(word)
            out += self.cache[word]
        return out

    def decode_bytes(self, tokens):
        """Bytes of the tokens; ids above the last special decode to nothing."""
        return b"".join(self.bytes_of[t] for t in tokens if t < self.size)

    def decode(self, tokens):
        return self.decode_bytes(tokens).decode("utf-8", "replace")

    def save(self, path):
        with open(path, "w") as f:
            json.dump({"merges": self.merges}, f)

    @classmethod
    def load(cls, path):
        with open(path) as f:
            return cls(json.load(f)["merges"])


def train_tokenizer(text, size):
    """Learns size - 256 merges: always the most frequent pair, ties to the smallest (left, right)."""
    words = Counter(PRETOKENIZER_1.findall(text.encode("utf-8")))
    seqs = [(list(w), n) for w, n in words.items()]
    pairs, where = Counter(), defaultdict(set)
    for i, (seq, n) in enumerate(seqs):
        for pair in zip(seq, seq[1:]):
            pairs[pair] += n
            where[pair].add(i)
    merges = []
    while 256 + len(merges) < size:
        best = max(pairs, key=lambda p: (pairs[p], -p[0], -p[1]))
        new = 256 + len(merges)
        merges.append(best)
        for i in list(where[best]):
            seq, n = seqs[i]
            for pair in zip(seq, seq[1:]):
                pairs[pair] -= n
            merged, j = [], 0
            while j < len(seq):
                if j + 1 < len(seq) and (seq[j], seq[j + 1]) == best:
                    merged.append(new)
                    j += 2
                else:
                    merged.append(seq[j])
                    j += 1
            seqs[i] = (merged, n)
            for pair in zip(merged, merged[1:]):
                pairs[pair] += n
                where[pair].add(i)
        del pairs[best]
    return Tokenizer(merges)
