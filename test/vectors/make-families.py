"""Golden vectors of tiny models of each family, computed by transformers and peft.

    python3 -m venv env && env/bin/pip install torch transformers peft numpy
    env/bin/python test/vectors/make-families.py          # rewrites families.json

Each entry is a whole model: its config.json as transformers writes it, its weights, a random adapter on every
linear layer, and what a batch gives: logits, loss, gradients. Numbers are stored as in make-llama.py.
"""

import importlib
import json
import pathlib

import torch
import transformers
from peft import LoraConfig, get_peft_model

llama = importlib.import_module("make-llama")

SIZES = dict(
    vocab_size=23,
    hidden_size=16,
    intermediate_size=20,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
    rms_norm_eps=1e-5,
    attn_implementation="eager",
)
RANK, ALPHA = 2, 6
SEQUENCES, LENGTH = 2, 40


def rope(rope_type, theta, **fields):
    return {"rope_type": rope_type, "rope_theta": theta, **fields}


LLAMA3 = rope(
    "llama3",
    500_000.0,
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
# Name, class, and what makes it itself.
FAMILIES = [
    ("llama3", "Llama", dict(head_dim=8, tie_word_embeddings=True, rope_parameters=LLAMA3)),
    ("linear", "Llama", dict(head_dim=4, rope_parameters=rope("linear", 10_000.0, factor=4.0))),
    ("mistral", "Mistral", dict(head_dim=8, sliding_window=None, rope_parameters=rope("default", 1e6))),
    ("qwen2.5", "Qwen2", dict(tie_word_embeddings=True, rope_parameters=rope("default", 1e6))),
    ("qwen3", "Qwen3", dict(head_dim=8, tie_word_embeddings=True, rope_parameters=rope("default", 1e6))),
]


def randomise(model):
    """Weights that are large enough that every non-linearity matters."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            spread, centre = (0.3, 1) if "norm" in name else (0.3, 0)
            parameter.copy_(centre + spread * torch.randn_like(parameter))


def adapter_parameters(model):
    """A and B of every target, in canonical order."""
    parameters = dict(model.named_parameters())
    return [
        parameters[f"base_model.model.model.layers.{layer}.{module}.lora_{part}.default.weight"]
        for layer in range(SIZES["num_hidden_layers"])
        for module in llama.MODULES.values()
        for part in ("A", "B")
    ]


def vectors(seed, kind, fields):
    torch.manual_seed(seed)
    config = getattr(transformers, f"{kind}Config")(**(SIZES | fields))
    model = getattr(transformers, f"{kind}ForCausalLM")(config).eval()
    randomise(model)
    weights = {
        name: {"shape": list(parameter.shape), "values": llama.packed(parameter)}
        for name, parameter in model.named_parameters()
    }
    config.architectures = [type(model).__name__]
    modules = [module.split(".")[1] for module in llama.MODULES.values()]
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=modules))
    adapter = adapter_parameters(model)
    with torch.no_grad():
        for tensor in adapter:
            tensor.copy_(0.2 * torch.randn_like(tensor))
    ids = torch.randint(0, SIZES["vocab_size"], (SEQUENCES, LENGTH))
    targets = torch.roll(ids, -1, dims=1)
    targets[:, -1] = llama.NOT_COUNTED
    logits = model(ids).logits
    loss = torch.nn.functional.cross_entropy(
        logits.reshape(-1, SIZES["vocab_size"]), targets.reshape(-1), ignore_index=llama.NOT_COUNTED
    )
    return {
        "config": json.loads(config.to_json_string()),
        "adapterShape": {"adapterRank": RANK, "alpha": ALPHA, "targets": llama.ADAPTER["targets"]},
        "weights": weights,
        "adapter": llama.packed(llama.flat(adapter)),
        "ids": ids.reshape(-1).tolist(),
        "targets": targets.reshape(-1).tolist(),
        "sequenceLength": LENGTH,
        # Of the first sequence's last token.
        "logits": llama.packed(logits[0, -1]),
        "loss": loss.item(),
        "gradients": llama.packed(llama.flat(torch.autograd.grad(loss, adapter))),
    }


def main():
    torch.set_num_threads(1)
    file = pathlib.Path(__file__).parent / "families.json"
    made = {name: vectors(7 + i, kind, fields) for i, (name, kind, fields) in enumerate(FAMILIES)}
    file.write_text(json.dumps(made, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
