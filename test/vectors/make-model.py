"""
Makes model.json: what the libraries of Hugging Face write and read, for our readers to agree with.

    pip install torch transformers peft safetensors tokenizers    (in a throw-away environment)
    python test/vectors/make-model.py

`tokenizer`: ids of some texts under the embedded tokenizer. `safetensors`: a file with every dtype
that we widen, and its values. `peft`: an adapter of a tiny model as PEFT saves it, and its values.
`embedded`: the loss of a text under the embedded model in float32, without and with a random
adapter. Make the vectors anew whenever the embedded model is.
"""

import base64
import json
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from safetensors import safe_open
from safetensors.torch import save
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

HERE = Path(__file__).parent
EMBEDDED = HERE.parent.parent / "node" / "model" / "embedded"

TEXTS = [
    "Call me Ishmael.",
    "  two spaces,\ttab\n\nand an empty line\r\n",
    "It's 1851; they'll sail. We've 10,000 whales!",
    "naïve — “quoted” Ω 鲸 🐋\u200d",
    "<|endoftext|>The people<|endoftext|>",
    "",
]

PROSE = (
    "Fellow-Citizens of the Senate and House of Representatives: Call me Ishmael. Some years ago, "
    "having little or no money in my purse, I thought I would sail about a little and see the "
    "watery part of the world.\n\nThe people of the United States are at peace."
)


def encoded(data):
    return base64.b64encode(data).decode()


def tokenizer_vectors():
    tokenizer = Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    return [{"text": t, "ids": tokenizer.encode(t, add_special_tokens=False).ids} for t in TEXTS]


def safetensors_vectors():
    values = torch.tensor([[0.0, -0.0, 1.0, -1.5], [1e-7, 65504.0, 0.1, -3.0e-5]])
    tensors = {
        "wide": values,
        "brain": values.to(torch.bfloat16),
        "half": values.to(torch.float16),
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 3),
    }
    return {
        "file": encoded(save(tensors, metadata={"format": "pt"})),
        "tensors": {
            name: {"shape": list(t.shape), "values": t.float().flatten().tolist()}
            for name, t in tensors.items()
        },
    }


def with_random_adapter(base, rank, alpha, targets, std):
    torch.manual_seed(7)
    lora = LoraConfig(r=rank, lora_alpha=alpha, target_modules=targets)
    model = get_peft_model(base, lora)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter, std=std)
    return model


def saved(model):
    """The files of an adapter as PEFT writes them: config, bytes of the weights, values by name."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads(Path(folder, "adapter_config.json").read_text())
        config["base_model_name_or_path"] = None
        weights = Path(folder, "adapter_model.safetensors")
        with safe_open(weights, "pt") as file:
            names = sorted(file.keys())
            tensors = {name: file.get_tensor(name).flatten().tolist() for name in names}
        return config, encoded(weights.read_bytes()), tensors


def peft_vectors():
    shape = {"vocab_size": 12, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4}
    base = LlamaForCausalLM(LlamaConfig(**shape, **heads, tie_word_embeddings=True))
    model = with_random_adapter(base, 2, 6, ["down_proj", "q_proj", "v_proj"], 1.0)
    config, weights, tensors = saved(model)
    return {"config": config, "weights": weights, "tensors": tensors}


@torch.no_grad()
def embedded_vectors():
    base = LlamaForCausalLM.from_pretrained(EMBEDDED, dtype=torch.float32)
    tokenizer = Tokenizer.from_file(str(EMBEDDED / "tokenizer.json"))
    ids = torch.tensor([[0] + tokenizer.encode(PROSE, add_special_tokens=False).ids])
    loss = base(input_ids=ids, labels=ids).loss.item()
    model = with_random_adapter(base, 1, 2, ["q_proj", "v_proj"], 0.2)
    config, weights, _ = saved(model)
    adapter_loss = model(input_ids=ids, labels=ids).loss.item()
    return {
        "text": PROSE,
        "config": config,
        "weights": weights,
        "loss": loss,
        "adapterLoss": adapter_loss,
    }


def main():
    vectors = {
        "tokenizer": tokenizer_vectors(),
        "safetensors": safetensors_vectors(),
        "peft": peft_vectors(),
        "embedded": embedded_vectors(),
    }
    (HERE / "model.json").write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
