"""Byte-level BPE tokenizer (Sennrich et al. 2016, on bytes as in GPT-2).

Tokens 0..255 are the bytes, token 256 + i is the i-th merge. Text is first cut by PATTERN, whose result is the same in
Python's `re` and in JavaScript with the u flag: it uses explicit ASCII classes only, never \\s or \\w. A newline always stays
alone, so token 10 means "start / end of a line" and nothing else.
"""
import json
import re
from collections import Counter, defaultdict

PATTERN = r" ?[A-Za-z]+| ?[0-9]+| ?[^\x09-\x0d A-Za-z0-9]+|\x0a|[\x09\x0b-\x0d ]+"
NEWLINE = 10


class Tokenizer:
    """merges: list of (left token, right token), in order of rank."""

    def __init__(self, merges, pattern=PATTERN):
        self.merges = [tuple(m) for m in merges]
        self.pattern = pattern
        self.words = re.compile(pattern)
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.bytes_of = [bytes([i]) for i in range(256)]
        for left, right in self.merges:
            self.bytes_of.append(self.bytes_of[left] + self.bytes_of[right])
        self.cache = {}

    @property
    def size(self):
        return len(self.bytes_of)

    def encode_word(self, word):
        """Token list of one pre-token: repeatedly merges the pair of lowest rank, leftmost first."""
        seq = list(word.encode("utf-8"))
        while len(seq) > 1:
            rank, at = min((self.rank.get(pair, 1 << 30), i) for i, pair in enumerate(zip(seq, seq[1:])))
            if rank == 1 << 30:
                break
            seq[at:at + 2] = [256 + rank]
        return seq

    def encode(self, text):
        """Token list of a text; decode(encode(text)) == text for every str without lone surrogates."""
        out = []
        for word in self.words.findall(text):
            if word not in self.cache:
                self.cache[word] = self.encode_word(word)
            out += self.cache[word]
        return out

    def decode_bytes(self, tokens):
        return b"".join(self.bytes_of[t] for t in tokens)

    def decode(self, tokens):
        return self.decode_bytes(tokens).decode("utf-8", "replace")

    def save(self, path):
        with open(path, "w") as f:
            json.dump({"pattern": self.pattern, "merges": self.merges}, f)

    @classmethod
    def load(cls, path):
        with open(path) as f:
            data = json.load(f)
        return cls(data["merges"], data["pattern"])


def train_tokenizer(text, size):
    """Learns size - 256 merges: always the most frequent pair, ties to the smallest (left, right)."""
    words = Counter(re.compile(PATTERN).findall(text))
    seqs = [(list(w.encode("utf-8")), n) for w, n in words.items()]
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
