"""Trains the float32 decoder on WordNet glosses, on one CPU thread.

  OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 /usr/bin/python3 models/training/train.py --out build/train --tokens 10000000
  ... --minutes 65      the cosine schedule follows the clock instead of the token count

Writes <out>/tokenizer.json, <out>/model.npz (checkpoint, replaced by atomic rename) and prints the loss as it goes.
Needs Debian's python3-torch, python3-numpy, libopenblas0-pthread and wordnet-base.
"""

import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

from model import CONFIG, Decoder, load_decoder, save_checkpoint
from text import assert_split_by_lemma, read_synsets, split_lines
from tokenizer import NEWLINE, Tokenizer, train_tokenizer


def load_data(out):
    """(tokenizer, training lines as uint16 arrays, held-out lines as text); caches the tokenizer in `out`."""
    train, held_out = split_lines(read_synsets())
    assert_split_by_lemma(train, held_out)
    path = os.path.join(out, "tokenizer.json")
    if not os.path.exists(path):
        train_tokenizer("".join(train), CONFIG["vocab"]).save(path)
    tokenizer = Tokenizer.load(path)
    return tokenizer, [np.array(tokenizer.encode(line), np.uint16) for line in train], held_out


def windows(lines, length_at, batch_tokens, rng):
    """Endless batches int64 [batch, length + 1]: every epoch shuffles the lines anew and uses each token about once."""
    while True:
        stream = np.concatenate([[NEWLINE]] + [lines[i] for i in rng.permutation(len(lines))])
        at = 0
        while True:
            length = length_at()
            count = batch_tokens // length
            if at + count * length + 1 > len(stream):
                break
            rows = [stream[at + i * length : at + (i + 1) * length + 1] for i in range(count)]
            at += count * length
            yield torch.from_numpy(np.stack(rows).astype(np.int64))


def bits_per_byte(model, tokenizer, lines, batch=16):
    """Bits per byte of lines, each alone after a newline; also the mean nats per token."""
    encoded = sorted((tokenizer.encode(line) for line in lines), key=len)
    nats = tokens = 0
    with torch.no_grad():
        for at in range(0, len(encoded), batch):
            rows = encoded[at : at + batch]
            width = max(map(len, rows))
            y = torch.full((len(rows), width), -100)
            x = torch.full((len(rows), width), NEWLINE)
            for i, row in enumerate(rows):
                y[i, : len(row)] = torch.tensor(row)
                x[i, 1 : len(row)] = torch.tensor(row[:-1])
            logits = model(x)
            nats += F.cross_entropy(logits.reshape(-1, logits.shape[-1]), y.reshape(-1), reduction="sum").item()
            tokens += sum(map(len, rows))
    return nats / math.log(2) / sum(len(line.encode()) for line in lines), nats / tokens


def sample(model, tokenizer, prompt, seed, temperature=0.7, limit=60):
    generator = torch.Generator().manual_seed(seed)
    tokens = [NEWLINE] + tokenizer.encode(prompt)
    for _ in range(limit):
        with torch.no_grad():
            p = torch.softmax(model(torch.tensor([tokens]))[0, -1] / temperature, -1)
        tokens.append(int(torch.multinomial(p, 1, generator=generator)))
        if tokens[-1] == NEWLINE:
            break
    return tokenizer.decode(tokens[1:]).strip()


def optimizer_of(model, lr, weight_decay):
    matrices = [p for p in model.parameters() if p.dim() == 2]
    gains = [p for p in model.parameters() if p.dim() == 1]
    groups = [dict(params=matrices, weight_decay=weight_decay), dict(params=gains, weight_decay=0.0)]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.95), eps=1e-8)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--out", required=True)
    budget = ap.add_mutually_exclusive_group(required=True)
    budget.add_argument("--tokens", type=int)
    budget.add_argument("--minutes", type=float)
    ap.add_argument("--init", help="checkpoint to start from")
    ap.add_argument("--lr", type=float, default=3e-3)
    ap.add_argument("--warmup", type=int, default=100, help="steps")
    ap.add_argument("--weight-decay", type=float, default=0.1)
    ap.add_argument("--batch", type=int, default=1024, help="tokens per step")
    ap.add_argument("--long-part", type=float, default=0.2, help="last part of the schedule that uses twice the length")
    ap.add_argument("--length", type=int, default=128)
    ap.add_argument("--seed", type=int, default=0)
    a = ap.parse_args()
    os.makedirs(a.out, exist_ok=True)
    torch.manual_seed(a.seed)
    torch.set_num_threads(1)
    tokenizer, lines, held_out = load_data(a.out)
    model = load_decoder(a.init) if a.init else Decoder(CONFIG)
    optimizer = optimizer_of(model, a.lr, a.weight_decay)
    size = sum(p.numel() for p in model.parameters())
    print(
        f"parameters {size}, training lines {len(lines)}, tokens {sum(map(len, lines))}, held-out {len(held_out)}",
        flush=True,
    )
    start = saved = time.time()
    step = seen = 0
    losses = []

    def progress():
        return min(1.0, (time.time() - start) / (a.minutes * 60) if a.minutes else seen / a.tokens)

    def length_now():
        return a.length * (2 if progress() > 1 - a.long_part else 1)

    batches = windows(lines, length_now, a.batch, np.random.default_rng(a.seed))
    while progress() < 1:
        lr = a.lr * min(1, (step + 1) / a.warmup) * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress())))
        for group in optimizer.param_groups:
            group["lr"] = lr
        rows = next(batches)
        logits = model(rows[:, :-1])
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), rows[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step, seen = step + 1, seen + rows[:, 1:].numel()
        losses.append(loss.item())
        if step % 50 == 0:
            elapsed = time.time() - start
            print(
                f"step {step} tokens {seen} {elapsed:.0f} s {seen / elapsed:.0f} tokens/s lr {lr:.5f} "
                f"train {np.mean(losses[-50:]):.4f}",
                flush=True,
            )
        if time.time() - saved > 240:
            save_checkpoint(os.path.join(a.out, "model.npz"), model.config, model.export())
            bpb, nats = bits_per_byte(model, tokenizer, held_out[:300])
            print(f"held-out (300 lines): {bpb:.4f} bits per byte, {nats:.4f} nats per token", flush=True)
            saved = time.time()
    save_checkpoint(os.path.join(a.out, "model.npz"), model.config, model.export())
    bpb, nats = bits_per_byte(model, tokenizer, held_out)
    print(
        f"final: {step} steps, {seen} tokens, {time.time() - start:.0f} s; held-out {bpb:.4f} bits per byte, "
        f"perplexity {math.exp(nats):.3f} per token"
    )
    for seed, prompt in enumerate(["river: ", "to walk: ", "guitar: ", "happiness: ", "lawyer: "]):
        print("  ", sample(model, tokenizer, prompt, seed))


if __name__ == "__main__":
    main()
