"""Training text: WordNet 3.0 glosses (Debian package wordnet-base), split by lemma.

One line per synset: `headword: gloss; "example"` and a newline. The newline byte both starts and ends a line for the
model.

The split is by lemma, not by line. A lemma (lower case, any part of speech, any sense) is held out when its SHA-256
says so; a held-out line is a line whose headword is a held-out lemma. A synset that merely mentions a held-out lemma
among its synonyms goes into neither part, so no held-out headword is a headword, or even a synonym, of any training
line."""

import glob
import hashlib
import random
import re
from dataclasses import dataclass

WORDNET_FILES = "/usr/share/wordnet/data.*"
HELD_OUT_PER_MILLE = 20


@dataclass(frozen=True)
class Synset:
    """One dictionary entry: every lemma of the synset (the first is the headword) and its gloss with examples."""

    lemmas: tuple
    gloss: str

    def line(self):
        return f"{self.lemmas[0]}: {self.gloss}\n"


def parse_synset(row):
    """Parses one row of a WordNet data file (format: wndb(5WN)); None for a row of the licence header."""
    if row.startswith("  "):
        return None
    head, _, gloss = row.partition(" | ")
    fields = head.split()
    count = int(fields[3], 16)
    lemmas = [re.sub(r"\((a|p|ip)\)$", "", fields[4 + 2 * i]).replace("_", " ") for i in range(count)]
    return Synset(tuple(lemmas), " ".join(gloss.split()))


def read_synsets(pattern=WORDNET_FILES):
    """All synsets in file order; raises FileNotFoundError when WordNet is not installed."""
    paths = sorted(glob.glob(pattern))
    if not paths:
        raise FileNotFoundError(f"no WordNet files match {pattern}: install Debian's package wordnet-base")
    synsets = []
    for path in paths:
        with open(path, encoding="latin-1") as rows:
            synsets += [s for s in map(parse_synset, rows) if s]
    return synsets


def is_held_out(lemma):
    """Whether a lemma belongs to the held-out part (2 % of all lemmas, fixed for ever by their hash)."""
    digest = hashlib.sha256(b"held-out:" + lemma.lower().encode()).digest()
    return int.from_bytes(digest[:4], "big") % 1000 < HELD_OUT_PER_MILLE


def split_lines(synsets, seed=1):
    """(training lines, held-out lines), each shuffled with the seed."""
    train = [s.line() for s in synsets if not any(is_held_out(lemma) for lemma in s.lemmas)]
    held_out = [s.line() for s in synsets if is_held_out(s.lemmas[0])]
    random.Random(seed).shuffle(train)
    random.Random(seed).shuffle(held_out)
    return train, held_out


def assert_split_by_lemma(train, held_out):
    """Raises AssertionError when a held-out headword is the headword of a training line."""
    headwords = lambda lines: {line.partition(": ")[0].lower() for line in lines}
    both = headwords(train) & headwords(held_out)
    assert not both, f"headwords in both parts: {sorted(both)[:10]}"
