"""Trains the deep accuracy model on one GPU in well under a minute: 16 layers of 128 dimensions, float32 weights, bfloat16
products, a learning rate that follows the clock. Writes the weights in float16.

  python3 train_deep.py --data data.npz --out deep16.npz --seconds 40

data.npz: `train` and `dev`, u16 token streams of vocabulary 1,024 (prepare_deep.py). Weight names as in model.py.
--seconds counts from --start (seconds since 1970), so that imports are part of it."""

import argparse
import json
import math
import time

import numpy as np
import torch
import torch.nn.functional as F

CONFIG = dict(vocab=1024, d=128, layers=16, heads=4, kvHeads=2, headDim=32, ffn=384, theta=10000.0, eps=1e-5)
CONTEXT = 256
PEAK_RATE, WARM_UP, DECAY = 3e-3, 100, 0.1
RESERVE = 5.0  # seconds kept for the final evaluation and the file


def initial_weights(c, device):
    d, f, q, kv = c["d"], c["ffn"], c["heads"] * c["headDim"], c["kvHeads"] * c["headDim"]
    shapes = {"emb": (c["vocab"], d), "norm": (d,)}
    for layer in range(c["layers"]):
        one = dict(attnNorm=(d,), q=(q, d), k=(kv, d), v=(kv, d), o=(d, q))
        one.update(ffnNorm=(d,), gate=(f, d), up=(f, d), down=(d, f))
        shapes.update({f"{layer}.{name}": shape for name, shape in one.items()})
    weights = {}
    for name, shape in shapes.items():
        last = name.split(".")[-1]
        size = 0.04 / math.sqrt(2 * c["layers"]) if last in ("o", "down") else 0.04
        value = torch.ones(shape) if len(shape) == 1 else torch.randn(shape) * size
        weights[name] = value.to(device).requires_grad_()
    return weights


def own_norm(x, shape, gain, eps):
    return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + eps) * gain


def own_attention(q, k, v, is_causal=True):
    time_ = q.shape[-2]
    mask = torch.full((time_, time_), float("-inf"), device=q.device).triu(1)
    return torch.softmax(q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5 + mask, -1) @ v


class Decoder:
    def __init__(self, config, weights, device, fused):
        self.c, self.w = config, weights
        self.norm = F.rms_norm if fused else own_norm
        self.attend = F.scaled_dot_product_attention if fused else own_attention
        hd = config["headDim"]
        angle = torch.arange(CONTEXT)[:, None] * config["theta"] ** (-torch.arange(0, hd, 2) / hd)[None]
        self.cos, self.sin = angle.cos().to(device), angle.sin().to(device)

    def rope(self, x):
        half = x.shape[-1] // 2
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * self.cos - b * self.sin, b * self.cos + a * self.sin], -1)

    def __call__(self, tokens):
        """tokens int64 [batch, CONTEXT] -> logits [batch, CONTEXT, vocab]."""
        c, w = self.c, self.w
        batch, time_ = tokens.shape
        heads, kv, hd = c["heads"], c["kvHeads"], c["headDim"]
        split = lambda x, n: x.view(batch, time_, n, hd).transpose(1, 2)
        norm = lambda x, name: self.norm(x, (c["d"],), w[name], c["eps"])
        x = F.embedding(tokens, w["emb"])
        for layer in range(c["layers"]):
            m = lambda name: w[f"{layer}.{name}"]
            n = norm(x, f"{layer}.attnNorm")
            q, k, v = split(F.linear(n, m("q")), heads), split(F.linear(n, m("k")), kv), split(F.linear(n, m("v")), kv)
            q, k = self.rope(q).to(v.dtype), self.rope(k).to(v.dtype)
            k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
            a = self.attend(q, k, v, is_causal=True)
            x = x + F.linear(a.transpose(1, 2).reshape(batch, time_, heads * hd), m("o"))
            n = norm(x, f"{layer}.ffnNorm")
            x = x + F.linear(F.silu(F.linear(n, m("gate"))) * F.linear(n, m("up")), m("down"))
        return F.linear(norm(x, "norm"), w["emb"])


def batch_of(stream, size):
    at = torch.randint(0, len(stream) - CONTEXT - 1, (size, 1), device=stream.device)
    window = stream[at + torch.arange(CONTEXT + 1, device=stream.device)]
    return window[:, :-1], window[:, 1:]


def loss_of(model, x, y):
    return F.cross_entropy(model(x).float().reshape(-1, model.c["vocab"]), y.reshape(-1))


@torch.no_grad()
def perplexity(model, stream, batch=32):
    """Over whole windows of CONTEXT targets, without autocast."""
    count = (len(stream) - 1) // CONTEXT
    x, y = (stream[s : s + count * CONTEXT].view(count, CONTEXT) for s in (0, 1))
    starts = range(0, count, batch)
    total = sum(loss_of(model, *(s[i : i + batch] for s in (x, y))).item() * len(x[i : i + batch]) for i in starts)
    return math.exp(total / count)


def works(model, stream, device):
    """Whether the fused operations exist and run on this machine."""
    try:
        with torch.autocast(device, torch.bfloat16):
            loss_of(model, *batch_of(stream, 2)).backward()
        return True
    except (AttributeError, RuntimeError, TypeError) as error:
        print(f"fused operations refused: {error}", flush=True)
        return False


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--start", type=float, default=time.time())
    ap.add_argument("--seconds", type=float, default=40)
    ap.add_argument("--batch", type=int, default=128)
    ap.add_argument("--steps", type=int, default=10**9)
    a = ap.parse_args()
    torch.manual_seed(1)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    data = np.load(a.data)
    train, dev = (torch.from_numpy(data[name].astype(np.int64)).to(device) for name in ("train", "dev"))
    weights = initial_weights(CONFIG, device)
    fused = all(hasattr(F, name) for name in ("rms_norm", "scaled_dot_product_attention"))
    fused = fused and works(Decoder(CONFIG, weights, device, True), train, device)
    model = Decoder(CONFIG, weights, device, fused)
    matrices = [w for w in weights.values() if w.dim() == 2]
    gains = [w for w in weights.values() if w.dim() == 1]
    groups = [dict(params=matrices, weight_decay=DECAY), dict(params=gains, weight_decay=0.0)]
    extra = dict(fused=True) if device == "cuda" else {}
    optimizer = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.95), **extra)
    begin = time.time()
    end = a.start + a.seconds - RESERVE
    print(f"{device}, fused {fused}, {begin - a.start:.1f} s before the first step, {len(train)} tokens", flush=True)
    step = 0
    while step < a.steps and time.time() < end:
        done = min(1.0, (time.time() - begin) / (end - begin))
        rate = PEAK_RATE * min(1, (step + 1) / WARM_UP) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            loss = loss_of(model, *batch_of(train, a.batch))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0 or step < 3:  # .item() also keeps the clock honest: the queue of kernels is empty after it
            print(f"{step} {time.time() - begin:.1f} s loss {loss.item():.4f}", flush=True)
        elif step % 10 == 0 and device == "cuda":
            torch.cuda.synchronize()
    halves = {name: w.detach().half() for name, w in weights.items()}
    np.savez(a.out, config=json.dumps(CONFIG), **{name: w.cpu().numpy() for name, w in halves.items()})
    exact = Decoder(CONFIG, {name: w.float() for name, w in halves.items()}, device, False)
    print(f"{step} steps, {step * a.batch * CONTEXT} tokens; float16 weights: dev perplexity {perplexity(exact, dev):.4f}")
    print(f"largest weight {max(w.abs().max().item() for w in halves.values()):.3f}, {time.time() - a.start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
