"""Float32 Llama-style decoder in PyTorch: RMSNorm, RoPE (half-split pairs), grouped-query attention, SwiGLU, tied
embedding.

Weights are kept under the names `emb`, `norm`, `<layer>.attnNorm`, `<layer>.q`, `.k`, `.v`, `.o`, `<layer>.ffnNorm`,
`.gate`, `.up`, `.down`; matrices are [outputs, inputs] float32, norms are gains of shape [d]."""

import json
import math
import os

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

CONFIG = dict(vocab=2048, d=256, layers=4, heads=8, kvHeads=4, headDim=32, ffn=640, theta=10000.0, eps=1e-5)


def weight_shapes(c):
    """Name -> shape of every weight of a configuration."""
    d, f, q, kv = c["d"], c["ffn"], c["heads"] * c["headDim"], c["kvHeads"] * c["headDim"]
    shapes = {"emb": (c["vocab"], d), "norm": (d,)}
    for layer in range(c["layers"]):
        one = {
            "attnNorm": (d,),
            "q": (q, d),
            "k": (kv, d),
            "v": (kv, d),
            "o": (d, q),
            "ffnNorm": (d,),
            "gate": (f, d),
            "up": (f, d),
            "down": (d, f),
        }
        shapes.update({f"{layer}.{name}": shape for name, shape in one.items()})
    return shapes


class Decoder(nn.Module):
    def __init__(self, config=CONFIG):
        super().__init__()
        self.config = config
        residual_scale = 1 / math.sqrt(2 * config["layers"])
        self.weights = nn.ParameterDict()
        for name, shape in weight_shapes(config).items():
            if len(shape) == 1:
                value = torch.ones(shape)
            else:
                value = torch.randn(shape) * 0.04 * (residual_scale if name.endswith((".o", ".down")) else 1)
            self.weights[name.replace(".", "_")] = nn.Parameter(value)

    def weight(self, name):
        return self.weights[name.replace(".", "_")]

    def norm(self, x, gain):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.config["eps"]) * gain

    def forward(self, tokens):
        """tokens int64 [batch, time] -> logits float32 [batch, time, vocab]."""
        c = self.config
        batch, time = tokens.shape
        heads, kv, hd = c["heads"], c["kvHeads"], c["headDim"]
        angle = torch.arange(time)[:, None] * c["theta"] ** (-torch.arange(0, hd, 2) / hd)[None]
        cos, sin = angle.cos(), angle.sin()

        def split(x, n):
            return x.view(batch, time, n, hd).transpose(1, 2)

        def rope(x):
            a, b = x[..., : hd // 2], x[..., hd // 2 :]
            return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

        mask = torch.full((time, time), float("-inf")).triu(1)
        x = F.embedding(tokens, self.weight("emb"))
        for layer in range(c["layers"]):
            w = lambda name: self.weight(f"{layer}.{name}")
            n = self.norm(x, w("attnNorm"))
            q = rope(split(F.linear(n, w("q")), heads))
            k = rope(split(F.linear(n, w("k")), kv)).repeat_interleave(heads // kv, 1)
            v = split(F.linear(n, w("v")), kv).repeat_interleave(heads // kv, 1)
            a = torch.softmax(q @ k.transpose(-1, -2) * hd**-0.5 + mask, -1) @ v
            x = x + F.linear(a.transpose(1, 2).reshape(batch, time, heads * hd), w("o"))
            n = self.norm(x, w("ffnNorm"))
            x = x + F.linear(F.silu(F.linear(n, w("gate"))) * F.linear(n, w("up")), w("down"))
        return F.linear(self.norm(x, self.weight("norm")), self.weight("emb"))

    def export(self):
        """Name -> float32 numpy array (the checkpoint's content)."""
        return {name: self.weight(name).detach().numpy().copy() for name in weight_shapes(self.config)}


def save_checkpoint(path, config, weights):
    """Writes an .npz by atomic rename, so that a reader never sees half a file."""
    part = path + ".part.npz"
    np.savez(part, config=json.dumps(config), **weights)
    os.replace(part, path)


def load_checkpoint(path):
    """(config, name -> float32 array)."""
    z = np.load(path)
    return json.loads(str(z["config"])), {name: z[name] for name in z.files if name != "config"}


def load_decoder(path):
    config, weights = load_checkpoint(path)
    model = Decoder(config)
    for name, value in weights.items():
        model.weight(name).data = torch.from_numpy(value.copy())
    return model
