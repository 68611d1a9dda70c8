"""Writes the corpus' vocabulary: every word of the training lines, one a line, sorted, gzip with a fixed header.

  /usr/bin/python3 models/training/wordlist.py models/wordnet-words.txt.gz

A word is a longest run of ASCII letters, in lower case. The bench uses the list to count how many words of generated
samples are words of the corpus at all."""

import gzip
import re
import sys

from text import read_synsets, split_lines


def corpus_words(lines):
    return sorted({word for line in lines for word in re.findall(r"[a-z]+", line.lower())})


def write_gzip(path, data):
    """Reproducible gzip: no name, no time."""
    with open(path, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=9) as f:
        f.write(data)


if __name__ == "__main__":
    words = corpus_words(split_lines(read_synsets())[0])
    write_gzip(sys.argv[1], ("\n".join(words) + "\n").encode())
    print(f"{len(words)} words")
