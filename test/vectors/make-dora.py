"""Golden vectors of DoRA, computed by transformers and peft.

    python3 -m venv env && env/bin/pip install torch transformers peft numpy
    env/bin/python test/vectors/make-dora.py           # rewrites dora.json

The base is that of llama-tied.json. As in methods.json, each variant has the files that peft saves of it, and the loss
and gradients of one batch, in canonical order: A before B before the magnitudes, which the adapter holds less the norms
of the base's rows. Losses are those of some steps of peft's own LoRA+ optimizer. Running the tests needs no Python.
"""

import importlib.util
import json
import pathlib

import torch
from peft import LoraConfig, get_peft_model

FOLDER = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location("make_methods", FOLDER / "make-methods.py")
methods = importlib.util.module_from_spec(spec)
spec.loader.exec_module(methods)
llama = methods.llama

PARTS = ("lora_A.default.weight", "lora_B.default.weight", "lora_magnitude_vector.default.weight")


def adapted_modules(model):
    """The linear layers that have an adapter, in canonical order."""
    modules = dict(model.named_modules())
    names = [
        f"base_model.model.model.layers.{layer}.{llama.MODULES[target]}"
        for layer in range(methods.MODEL["layerCount"])
        for target in methods.TARGETS
    ]
    return [modules[name] for name in names if hasattr(modules[name], "lora_A")]


def adapter_parameters(model):
    """The trained tensors of each linear layer that has some, in canonical order."""
    return [module.get_parameter(part) for module in adapted_modules(model) for part in PARTS]


def canonical_values(model):
    """What ours holds: the magnitudes less the norms of the base's rows, which are summed in float64."""
    values = []
    for module in adapted_modules(model):
        a, b, magnitude = (module.get_parameter(part).detach() for part in PARTS)
        norms = module.base_layer.weight.detach().double().square().sum(dim=1).sqrt()
        values += [a, b, (magnitude.double() - norms).float()]
    return values


def variant(name, weights, rate_ratio=0, **options):
    torch.manual_seed(sum(map(ord, name)))
    modules = [module.split(".")[1] for module in llama.MODULES.values()]
    settings = {"r": 4, "lora_alpha": 8, "target_modules": modules, "use_dora": True} | options
    model = get_peft_model(methods.base_model(weights), LoraConfig(**settings))
    adapter = adapter_parameters(model)
    with torch.no_grad():
        for tensor in adapter:
            noise = 0.1 * torch.randn_like(tensor)
            # Magnitudes begin as the rows' own lengths.
            tensor.copy_(noise if tensor.dim() == 2 else tensor * (1 + noise))
    made = {"peft": methods.saved(model), "adapter": llama.packed(llama.flat(canonical_values(model)))}
    batch = llama.random_batch(methods.SEQUENCES, methods.SEQUENCE_LENGTH)
    logits = model(batch[0]).logits
    loss = llama.mean_loss(logits, batch[1])
    gradients = llama.flat(torch.autograd.grad(loss, adapter))
    made |= {"batch": llama.as_lists(batch), "loss": loss.item(), "gradients": llama.packed(gradients)}
    made |= {"logits": llama.packed(logits[0, -1])}
    if rate_ratio:
        made |= {"rateRatio": rate_ratio, "losses": methods.plus_losses(model, batch, rate_ratio)}
    return made | {"dropout": 0, "noise": 0}


def main():
    torch.set_num_threads(1)
    methods.adapter_parameters = adapter_parameters
    weights = json.loads((FOLDER / "llama-tied.json").read_text())["weights"]
    patterns = {
        "target_modules": ["q_proj", "v_proj", "down_proj", "up_proj"],
        "layers_to_transform": [1],
        "rank_pattern": {"v_proj": 8},
        "alpha_pattern": {"up_proj": 2},
        "use_rslora": True,
    }
    made = {"dora": variant("dora", weights, rate_ratio=4), "dora-patterns": variant("dora-patterns", weights, **patterns)}
    head = {"seed": methods.SEED, "batchNumber": methods.BATCH_NUMBER, "learningRate": llama.LEARNING_RATE / 4}
    (FOLDER / "dora.json").write_text(json.dumps(head | {"variants": made}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
