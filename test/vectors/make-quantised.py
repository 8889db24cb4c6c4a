"""Writes quantised.json: LoRA on a base in blocks, by peft on what the gguf package widens it to.

    python3 -m venv env && env/bin/pip install torch transformers peft gguf numpy
    env/bin/python test/vectors/make-quantised.py

Running the tests needs no Python. Floats are float32, little-endian, base64; blocks are bytes as a
GGUF file has them, in the hub's order of rows. Gradients are flat in the order of kernels/lora.ts.
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

MODEL = {
    "vocabSize": 61,
    "hiddenSize": 256,
    "intermediateSize": 32,
    "layerCount": 2,
    "headCount": 2,
    "kvHeadCount": 1,
    "headDim": 16,
    "ropeTheta": 10000,
    "rmsNormEps": 1e-5,
    "ropeDivisors": None,
    "tiedHead": False,
    "qkvBias": False,
    "headNorm": False,
}
ADAPTER = {"adapterRank": 2, "alpha": 4, "targets": ["q", "k", "v", "o", "gate", "up", "down"]}
SEQUENCES, LENGTH = 2, 24
NOT_COUNTED = -1
# o and down read 32 numbers a row, which no block of 256 fits.
LAYER_KINDS = [
    {"q": "Q4_K", "k": "Q5_K", "v": "Q6_K", "o": "Q4_1", "gate": "Q4_K", "up": "Q6_K", "down": "Q5_0"},
    {"q": "Q5_1", "k": "Q4_0", "v": "Q8_0", "o": "Q8_0", "gate": "Q5_K", "up": "Q4_K", "down": "Q4_0"},
]
EMBEDDING_KIND, HEAD_KIND = "Q4_K", "Q6_K"
# Where a block has its float16 factors, and the factor that makes its numbers some 0.1 large.
FACTORS = {
    "Q4_0": {0: 0.02},
    "Q4_1": {0: 0.02, 2: -0.15},
    "Q5_0": {0: 0.01},
    "Q5_1": {0: 0.01, 2: -0.15},
    "Q8_0": {0: 0.001},
    "Q4_K": {0: 0.0004, 2: 0.003},
    "Q5_K": {0: 0.0002, 2: 0.003},
    "Q6_K": {208: 0.0001},
}
MODULES = {t: f"self_attn.{t}_proj" for t in "qkvo"} | {
    t: f"mlp.{t}_proj" for t in ("gate", "up", "down")
}

random = np.random.default_rng(7)
torch.manual_seed(7)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def packed(tensor):
    return text(tensor.detach().numpy().astype("<f4"))


def random_blocks(name, shape):
    """Random blocks, and the numbers that they mean."""
    kind = gguf.GGMLQuantizationType[name]
    scalars, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (shape[0] * shape[1] // scalars, size), dtype=np.uint8)
    for at, factor in FACTORS[name].items():
        factors = (factor * random.uniform(0.5, 1.5, len(blocks))).astype(np.float16)
        blocks[:, at : at + 2] = factors.view(np.uint8).reshape(-1, 2)
    values = gguf.dequantize(blocks.reshape(shape[0], -1), kind).astype(np.float32)
    return blocks, torch.from_numpy(values.reshape(shape).copy())


def kind_of(name):
    if name == "model.embed_tokens.weight":
        return EMBEDDING_KIND
    if name == "lm_head.weight":
        return HEAD_KIND
    _, _, layer, *_ = name.split(".")
    target = next(t for t, module in MODULES.items() if f".{module}." in name)
    return LAYER_KINDS[int(layer)][target]


config = LlamaConfig(
    vocab_size=MODEL["vocabSize"],
    hidden_size=MODEL["hiddenSize"],
    intermediate_size=MODEL["intermediateSize"],
    num_hidden_layers=MODEL["layerCount"],
    num_attention_heads=MODEL["headCount"],
    num_key_value_heads=MODEL["kvHeadCount"],
    head_dim=MODEL["headDim"],
    rms_norm_eps=MODEL["rmsNormEps"],
    rope_theta=MODEL["ropeTheta"],
    max_position_embeddings=LENGTH,
    tie_word_embeddings=False,
    attn_implementation="eager",
)
base = LlamaForCausalLM(config).eval()
weights = {}
with torch.no_grad():
    for name, parameter in base.named_parameters():
        if "norm" in name:
            parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            weights[name] = {"shape": list(parameter.shape), "values": packed(parameter)}
            continue
        kind = kind_of(name)
        blocks, values = random_blocks(kind, parameter.shape)
        parameter.copy_(values)
        weights[name] = {"shape": list(parameter.shape), "kind": kind, "blocks": text(blocks)}

lora = LoraConfig(
    r=ADAPTER["adapterRank"],
    lora_alpha=ADAPTER["alpha"],
    lora_dropout=0,
    target_modules=[module.split(".")[1] for module in MODULES.values()],
)
model = get_peft_model(base, lora)
parameters = dict(model.named_parameters())
adapter = [
    parameters[f"base_model.model.model.layers.{layer}.{MODULES[target]}.lora_{part}.default.weight"]
    for layer in range(MODEL["layerCount"])
    for target in ADAPTER["targets"]
    for part in ("A", "B")
]
with torch.no_grad():
    for tensor in adapter:
        tensor.copy_(0.1 * torch.randn_like(tensor))
flat = lambda tensors: torch.cat([tensor.reshape(-1) for tensor in tensors])

ids = torch.randint(0, MODEL["vocabSize"], (SEQUENCES, LENGTH))
targets = torch.roll(ids, -1, dims=1)
targets[:, -1] = NOT_COUNTED
logits = model(ids).logits
loss = torch.nn.functional.cross_entropy(
    logits.reshape(-1, MODEL["vocabSize"]), targets.reshape(-1), ignore_index=NOT_COUNTED
)
gradients = torch.autograd.grad(loss, adapter)
vectors = {
    "model": MODEL,
    "adapterShape": ADAPTER,
    "sequenceLength": LENGTH,
    "weights": weights,
    "adapter": packed(flat(adapter)),
    "ids": ids.reshape(-1).tolist(),
    "targets": targets.reshape(-1).tolist(),
    "loss": loss.item(),
    "gradients": packed(flat(gradients)),
}
path = Path(__file__).parent / "quantised.json"
path.write_text(json.dumps(vectors, indent=1) + "\n")
