"""Float models for the accuracy table, as Hugging Face folders, with held-out tokens and what float32 says of them.

  /usr/bin/python3 accuracy_models.py NAME weights.npz tokenizer.json tokens.npz:KEY ../accuracy

The npz holds weights under the short names of train_deep.py or of the outlier prototypes. The last EVALUATED tokens of
KEY are evaluated in windows of WINDOW tokens; nothing was trained, planted, calibrated or chosen on them. Writes
config.json, model.safetensors (float16), tokenizer.json and evaluation.json: tokens and the most likely next ones
(base64 of u16), the sum of -ln p of the next tokens per window."""

import base64
import json
import os
import sys

import numpy as np
import torch

from reference_families import forward, stored, write_safetensors

WINDOW = 128
EVALUATED = 4096
LONG = {"norm": "model.norm.weight", "emb": "model.embed_tokens.weight"}
PARTS = {"n1": "input_layernorm", "attnNorm": "input_layernorm", "n2": "post_attention_layernorm",
         "ffnNorm": "post_attention_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
         "v": "self_attn.v_proj", "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj",
         "down": "mlp.down_proj"}


def byte_letters():
    """GPT-2's printable letter for each byte."""
    plain = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or 174 <= b]
    others = iter(range(256, 512))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


def tokenizer_json(merges):
    texts = byte_letters()
    for a, b in merges:
        texts.append(texts[a] + texts[b])
    level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=False, use_regex=False)
    pieces = " ?[A-Za-z]+| ?[0-9]+| ?[^\\sA-Za-z0-9]+|\\s+"
    return dict(version="1.0", truncation=None, padding=None, added_tokens=[], normalizer=None,
                pre_tokenizer=dict(type="Sequence", pretokenizers=[
                    dict(type="Split", pattern=dict(Regex=pieces), behavior="Isolated", invert=False), level]),
                post_processor=level, decoder=level,
                model=dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix="",
                           end_of_word_suffix="", fuse_unk=False, byte_fallback=False, ignore_merges=False,
                           vocab={text: i for i, text in enumerate(texts)},
                           merges=[f"{texts[a]} {texts[b]}" for a, b in merges]))


def long_name(name):
    if name in LONG:
        return LONG[name]
    layer, part = name.split(".")
    return f"model.layers.{layer}.{PARTS[part]}.weight"


def main():
    name, weights, tokenizer, source, out = sys.argv[1:]
    z = np.load(weights)
    c = json.loads(str(z["config"]))
    config = dict(architectures=["LlamaForCausalLM"], hidden_act="silu", hidden_size=c["d"], intermediate_size=c["ffn"],
                  num_hidden_layers=c["layers"], num_attention_heads=c["heads"],
                  num_key_value_heads=c.get("kv", c.get("kvHeads")), head_dim=c.get("hd", c.get("headDim")),
                  vocab_size=c["vocab"], max_position_embeddings=256, rms_norm_eps=c["eps"], rope_theta=c["theta"],
                  tie_word_embeddings=True)
    tensors, values = {}, {}
    for short in z.files:
        if short == "config":
            continue
        raw, kept = stored(torch.from_numpy(z[short].astype(np.float64)), "F16")
        values[long_name(short)] = kept.float()
        tensors[long_name(short)] = ("F16", z[short].shape, raw)
    file, key = source.split(":")
    tokens = np.load(file)[key][-EVALUATED:].astype(np.int64)
    loss, best = [], []
    for first in range(0, EVALUATED, WINDOW):
        window = torch.from_numpy(tokens[first:first + WINDOW])
        logits = forward(config, values, window)
        logp = torch.log_softmax(logits.double(), -1)
        loss.append(round(-float(logp[torch.arange(WINDOW - 1), window[1:]].sum()), 6))
        best += logits.argmax(-1).tolist()
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    save = lambda file, value: json.dump(value, open(os.path.join(folder, file), "w"), ensure_ascii=False)
    save("config.json", config)
    merges = json.load(open(tokenizer))["merges"]
    save("tokenizer.json", tokenizer_json(merges))
    write_safetensors(os.path.join(folder, "model.safetensors"), tensors)
    text = lambda values: base64.b64encode(np.array(values, ">u2").tobytes()).decode()
    save("evaluation.json", dict(window=WINDOW, tokens=text(tokens), floatLoss=loss, floatBest=text(best)))
    count = EVALUATED - EVALUATED // WINDOW
    print(name, "float32 perplexity", float(np.exp(sum(loss) / count)), "over", count, "predictions")


if __name__ == "__main__":
    main()
