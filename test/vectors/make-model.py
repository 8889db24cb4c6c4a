"""
Makes model.json: what the libraries of Hugging Face write and read, for our own readers to agree with.

    pip install torch transformers peft safetensors tokenizers    (in a throw-away environment)
    python test/vectors/make-model.py

`tokenizer`: ids of some texts under the embedded tokenizer. `safetensors`: a file with every dtype that
we widen, and its values. `peft`: an adapter of a tiny model as PEFT saves it, and its values.
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


def peft_vectors():
    torch.manual_seed(7)
    shape = {"vocab_size": 12, "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 4}
    base = LlamaForCausalLM(LlamaConfig(**shape, **heads, tie_word_embeddings=True))
    lora = LoraConfig(r=2, lora_alpha=6, target_modules=["down_proj", "q_proj", "v_proj"])
    model = get_peft_model(base, lora)
    for parameter in model.parameters():
        if parameter.requires_grad:
            torch.nn.init.normal_(parameter)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads(Path(folder, "adapter_config.json").read_text())
        weights = Path(folder, "adapter_model.safetensors")
        with safe_open(weights, "pt") as file:
            tensors = {name: file.get_tensor(name).flatten().tolist() for name in sorted(file.keys())}
        return {"config": config, "weights": encoded(weights.read_bytes()), "tensors": tensors}


def main():
    vectors = {
        "tokenizer": tokenizer_vectors(),
        "safetensors": safetensors_vectors(),
        "peft": peft_vectors(),
    }
    (HERE / "model.json").write_text(json.dumps(vectors, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
