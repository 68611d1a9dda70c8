"""Tiny random models in the real Hugging Face formats, and the logits of a plain PyTorch forward (float64) for each.

  /usr/bin/python3 reference_families.py ../../tests/import/fixtures

Written from the papers and model cards of Llama, Qwen2 and Qwen3, not from the importer that is tested with it: RMSNorm
with gain, RoPE over halves (default; linear: positions / factor; llama3: slow turns / factor, smooth between), grouped
queries, SwiGLU, biases of q, k, v (Qwen2), RMSNorm of every head of q and k before RoPE (Qwen3)."""

import json
import math
import os
import struct
import sys

import numpy as np
import torch

TOKENS = [65, 256, 12, 70, 261, 99, 0, 255, 31, 31, 200, 258, 7, 90, 267, 33]
BASE = dict(hidden_act="silu", hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=272, max_position_embeddings=512, rms_norm_eps=1e-5, rope_theta=10000.0)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
FAMILIES = {
    "llama": (dict(architectures=["LlamaForCausalLM"], tie_word_embeddings=False), "F16", 1),
    "llama-tied-linear": (dict(architectures=["LlamaForCausalLM"], tie_word_embeddings=True,
                               rope_scaling=dict(rope_type="linear", factor=2.0)), "F32", 1),
    "llama-3": (dict(architectures=["LlamaForCausalLM"], tie_word_embeddings=False, rope_theta=500000.0,
                     rope_scaling=LLAMA3), "BF16", 2),
    "qwen2": (dict(architectures=["Qwen2ForCausalLM"], tie_word_embeddings=True), "BF16", 1),
    "qwen3": (dict(architectures=["Qwen3ForCausalLM"], tie_word_embeddings=False, head_dim=32), "F16", 1),
}


def shapes(c):
    d, f, v = c["hidden_size"], c["intermediate_size"], c["vocab_size"]
    hd = c.get("head_dim", d // c["num_attention_heads"])
    q, kv = c["num_attention_heads"] * hd, c["num_key_value_heads"] * hd
    arch = c["architectures"][0]
    out = {"model.embed_tokens.weight": (v, d), "model.norm.weight": (d,)}
    if not c["tie_word_embeddings"]:
        out["lm_head.weight"] = (v, d)
    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        out.update({p + "input_layernorm.weight": (d,), p + "post_attention_layernorm.weight": (d,),
                    p + "self_attn.q_proj.weight": (q, d), p + "self_attn.k_proj.weight": (kv, d),
                    p + "self_attn.v_proj.weight": (kv, d), p + "self_attn.o_proj.weight": (d, q),
                    p + "mlp.gate_proj.weight": (f, d), p + "mlp.up_proj.weight": (f, d),
                    p + "mlp.down_proj.weight": (d, f)})
        if arch.startswith("Qwen2"):
            out.update({p + f"self_attn.{n}_proj.bias": (s,) for n, s in (("q", q), ("k", kv), ("v", kv))})
        if arch.startswith("Qwen3"):
            out.update({p + "self_attn.q_norm.weight": (hd,), p + "self_attn.k_norm.weight": (hd,)})
    return out


def random_weights(c, seed):
    g = torch.Generator().manual_seed(seed)
    out = {}
    for name, shape in shapes(c).items():
        w = torch.randn(shape, generator=g, dtype=torch.float64)
        if name.endswith("norm.weight"):
            w = 1 + w / 4
        elif name.endswith("bias"):
            w = w / 2
        elif "embed" not in name:
            w = w / math.sqrt(shape[1])
        out[name] = w
    return out


def stored(w, dtype):
    """The bytes of a tensor in a type, and the values that they stand for."""
    if dtype == "F32":
        x = w.to(torch.float32)
        return x.numpy().tobytes(), x.double()
    if dtype == "F16":
        x = w.to(torch.float16)
        return x.numpy().tobytes(), x.double()
    x = w.to(torch.bfloat16)
    words = x.float().numpy().view(np.uint32) >> 16
    return words.astype(np.uint16).tobytes(), x.double()


def write_safetensors(path, tensors):
    header, data, at = {}, [], 0
    for name, (dtype, shape, raw) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [at, at + len(raw)]}
        data.append(raw)
        at += len(raw)
    text = json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(data))


def inverse_frequencies(c, hd):
    inv = 1.0 / c["rope_theta"] ** (torch.arange(0, hd, 2, dtype=torch.float64) / hd)
    scaling = c.get("rope_scaling")
    if not scaling:
        return inv
    if scaling["rope_type"] == "linear":
        return inv / scaling["factor"]
    turn = 2 * math.pi / inv
    old = scaling["original_max_position_embeddings"]
    low, high, factor = scaling["low_freq_factor"], scaling["high_freq_factor"], scaling["factor"]
    smooth = (old / turn - low) / (high - low)
    between = (1 - smooth) * inv / factor + smooth * inv
    return torch.where(turn > old / low, inv / factor, torch.where(turn < old / high, inv, between))


def rms(x, gain, eps):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + eps) * gain


def forward(c, w, tokens):
    heads, kv, eps = c["num_attention_heads"], c["num_key_value_heads"], c["rms_norm_eps"]
    hd = c.get("head_dim", c["hidden_size"] // heads)
    n = len(tokens)
    angles = torch.arange(n, dtype=torch.float64)[:, None] * inverse_frequencies(c, hd)
    kind = w["model.norm.weight"].dtype
    cos, sin = torch.cos(angles)[:, None].to(kind), torch.sin(angles)[:, None].to(kind)

    def turn(x):
        a, b = x[..., : hd // 2], x[..., hd // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    x = w["model.embed_tokens.weight"][tokens]
    mask = torch.full((n, n), float("-inf"), dtype=kind).triu(1)
    for layer in range(c["num_hidden_layers"]):
        p = f"model.layers.{layer}."
        h = rms(x, w[p + "input_layernorm.weight"], eps)
        q, k, v = (h @ w[p + f"self_attn.{s}_proj.weight"].T + w.get(p + f"self_attn.{s}_proj.bias", 0) for s in "qkv")
        q, k, v = q.view(n, heads, hd), k.view(n, kv, hd), v.view(n, kv, hd)
        if p + "self_attn.q_norm.weight" in w:
            q, k = rms(q, w[p + "self_attn.q_norm.weight"], eps), rms(k, w[p + "self_attn.k_norm.weight"], eps)
        q, k = turn(q), turn(k)
        k, v = (t.repeat_interleave(heads // kv, 1) for t in (k, v))
        weights = torch.softmax(torch.einsum("qhd,khd->hqk", q, k) / math.sqrt(hd) + mask, -1)
        x = x + torch.einsum("hqk,khd->qhd", weights, v).reshape(n, heads * hd) @ w[p + "self_attn.o_proj.weight"].T
        h = rms(x, w[p + "post_attention_layernorm.weight"], eps)
        gate, up = h @ w[p + "mlp.gate_proj.weight"].T, h @ w[p + "mlp.up_proj.weight"].T
        x = x + (torch.nn.functional.silu(gate) * up) @ w[p + "mlp.down_proj.weight"].T
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    return rms(x, w["model.norm.weight"], eps) @ head.T


def main():
    out = sys.argv[1]
    for seed, (name, (changes, dtype, files)) in enumerate(FAMILIES.items()):
        folder = os.path.join(out, name)
        os.makedirs(folder, exist_ok=True)
        c = {**BASE, **changes}
        kept, tensors = {}, {}
        for tensor, value in random_weights(c, seed).items():
            raw, kept[tensor] = stored(value, dtype)
            tensors[tensor] = (dtype, tuple(value.shape), raw)
        json.dump(c, open(os.path.join(folder, "config.json"), "w"), indent=1)
        if files == 1:
            write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
        else:
            where, names = {}, list(tensors)
            for i in range(files):
                file = f"model-{i + 1:05d}-of-{files:05d}.safetensors"
                part = names[i::files]
                write_safetensors(os.path.join(folder, file), {t: tensors[t] for t in part})
                where.update({t: file for t in part})
            json.dump({"metadata": {}, "weight_map": where},
                      open(os.path.join(folder, "model.safetensors.index.json"), "w"), indent=1)
        logits = forward(c, kept, TOKENS)
        json.dump({"tokens": TOKENS, "logits": [[round(float(z), 5) for z in row] for row in logits[-4:]]},
                  open(os.path.join(folder, "logits.json"), "w"))
        print(name, len(tensors), "tensors")


if __name__ == "__main__":
    main()
