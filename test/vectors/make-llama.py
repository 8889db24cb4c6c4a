"""Golden vectors of a tiny LLaMA with LoRA, computed by transformers and peft: the independent oracle.

    python3 -m venv env && env/bin/pip install torch transformers peft numpy
    env/bin/python test/vectors/make-llama.py          # rewrites llama-tied.json and llama-untied.json

Running the tests needs no Python. The numbers are float32, little-endian, base64. Gradients and adapters are
flat in the canonical order of kernels/lora.ts: layer, then q k v o gate up down, A (R,I) before B (O,R).

The optimiser is torch.optim.AdamW. Ours also clamps |m / (sqrt v + eps)| to ratioMax; the script asserts
that ten steps stay below it, so that the clamp is not in effect.
"""

import base64
import json
import pathlib

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

MODEL = {
    "vocabSize": 97,
    "hiddenSize": 32,
    "intermediateSize": 88,
    "layerCount": 2,
    "headCount": 4,
    "kvHeadCount": 2,
    "headDim": 8,
    "ropeTheta": 5000,
    "rmsNormEps": 1e-5,
    "ropeDivisors": None,
    "qkvBias": False,
    "headNorm": False,
}
ADAPTER = {"adapterRank": 4, "alpha": 8, "targets": ["q", "k", "v", "o", "gate", "up", "down"]}
HYPER = {
    "beta1": 0.9,
    "beta2": 0.99,
    "epsilon": 1e-8,
    "weightDecay": 0,
    "gradientClip": 1,
    "ratioMax": 2,
}
LEARNING_RATE = 1e-2
SEQUENCE_LENGTH = 24
SEQUENCES = 2
STEPS = 10
# One sequence that needs several blocks of queries and of tokens, and where its logits are kept.
LONG_LENGTH = 150
LONG_POSITIONS = [0, 63, 64, 127, 128, 149]
NOT_COUNTED = -1
MODULES = {t: f"self_attn.{t}_proj" for t in "qkvo"} | {
    t: f"mlp.{t}_proj" for t in ("gate", "up", "down")
}


def packed(tensor):
    values = numpy.ascontiguousarray(tensor.detach().numpy(), dtype="<f4")
    return base64.b64encode(values.tobytes()).decode()


def build(tied):
    """A random model whose weights are large enough that every non-linearity matters."""
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
        max_position_embeddings=LONG_LENGTH,
        tie_word_embeddings=tied,
        attn_implementation="eager",
    )
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" in name:
                parameter.copy_(1 + 0.2 * torch.randn_like(parameter))
            else:
                parameter.copy_(0.25 * torch.randn_like(parameter))
    weights = {
        name: {"shape": list(parameter.shape), "values": packed(parameter)}
        for name, parameter in model.named_parameters()
    }
    lora = LoraConfig(
        r=ADAPTER["adapterRank"],
        lora_alpha=ADAPTER["alpha"],
        lora_dropout=0,
        target_modules=[module.split(".")[1] for module in MODULES.values()],
    )
    return get_peft_model(model, lora), weights


def adapter_parameters(model):
    """A and B of every target, in canonical order."""
    parameters = dict(model.named_parameters())
    return [
        parameters[f"base_model.model.model.layers.{layer}.{MODULES[target]}.lora_{part}.default.weight"]
        for layer in range(MODEL["layerCount"])
        for target in ADAPTER["targets"]
        for part in ("A", "B")
    ]


def flat(tensors):
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def random_batch(sequences, length):
    ids = torch.randint(0, MODEL["vocabSize"], (sequences, length))
    targets = torch.roll(ids, -1, dims=1)
    targets[:, -1] = NOT_COUNTED
    targets[torch.rand(targets.shape) < 0.2] = NOT_COUNTED
    return ids, targets


def mean_loss(logits, targets):
    return torch.nn.functional.cross_entropy(
        logits.reshape(-1, MODEL["vocabSize"]), targets.reshape(-1), ignore_index=NOT_COUNTED
    )


def as_lists(batch):
    ids, targets = batch
    return {"ids": ids.reshape(-1).tolist(), "targets": targets.reshape(-1).tolist()}


def computed(model, adapter, batch, positions):
    """Logits after some tokens of the first sequence; loss and gradients of the whole batch."""
    ids, targets = batch
    logits = model(ids).logits
    loss = mean_loss(logits, targets)
    return as_lists(batch) | {
        "positions": list(positions),
        "logits": packed(logits[0, list(positions)]),
        "loss": loss.item(),
        "gradients": packed(flat(torch.autograd.grad(loss, adapter))),
    }


def train(model, adapter, batches):
    """Losses before each step, and the largest |m / (sqrt v + eps)| seen."""
    optimizer = torch.optim.AdamW(
        adapter,
        lr=LEARNING_RATE,
        betas=(HYPER["beta1"], HYPER["beta2"]),
        eps=HYPER["epsilon"],
        weight_decay=HYPER["weightDecay"],
    )
    losses, ratio_max = [], 0.0
    for ids, targets in batches:
        optimizer.zero_grad()
        loss = mean_loss(model(ids).logits, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapter, HYPER["gradientClip"])
        before = flat(adapter).detach().clone()
        optimizer.step()
        ratio = (flat(adapter).detach() - before).abs().max().item() / LEARNING_RATE
        ratio_max = max(ratio_max, ratio)
        losses.append(loss.item())
    assert ratio_max < HYPER["ratioMax"], f"the clamp would be in effect: {ratio_max}"
    return losses


def vectors(tied):
    torch.manual_seed(20250 + tied)
    model, weights = build(tied)
    adapter = adapter_parameters(model)
    with torch.no_grad():
        for tensor in adapter:
            tensor.copy_(0.1 * torch.randn_like(tensor))
    initial = packed(flat(adapter))

    # A few batches, met again and again, so that ten losses have something to learn.
    distinct = [random_batch(SEQUENCES, SEQUENCE_LENGTH) for _ in range(2)]
    batches = [distinct[step % len(distinct)] for step in range(STEPS)]
    return {
        "model": MODEL | {"tiedHead": tied},
        "adapterShape": ADAPTER,
        "hyper": HYPER,
        "learningRate": LEARNING_RATE,
        "sequenceLength": SEQUENCE_LENGTH,
        "weights": weights,
        "adapter": initial,
        "short": computed(model, adapter, batches[0], range(SEQUENCE_LENGTH)),
        "long": computed(model, adapter, random_batch(1, LONG_LENGTH), LONG_POSITIONS),
        "batches": [as_lists(batch) for batch in batches],
        "losses": train(model, adapter, batches),
    }


def main():
    torch.set_num_threads(1)
    folder = pathlib.Path(__file__).parent
    for tied, name in ((True, "llama-tied.json"), (False, "llama-untied.json")):
        (folder / name).write_text(json.dumps(vectors(tied), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
