"""Golden vectors of the variants of LoRA that a run may ask for, computed by transformers and peft.

    python3 -m venv env && env/bin/pip install torch transformers peft numpy
    env/bin/python test/vectors/make-methods.py        # rewrites methods.json

The base is that of llama-tied.json. Each variant has the files that peft saves of it, and the loss and gradients of
one batch, or losses of some steps. Running the tests needs no Python. Numbers are packed as make-llama.py does it.

Dropout and noise are drawn here once more, by what docs/kernels.md says of them, and put in the place of torch's own.
"""

import base64
import importlib.util
import json
import math
import pathlib
import tempfile

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import LlamaConfig, LlamaForCausalLM

FOLDER = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location("make_llama", FOLDER / "make-llama.py")
llama = importlib.util.module_from_spec(spec)
spec.loader.exec_module(llama)

MODEL = llama.MODEL
TARGETS = llama.ADAPTER["targets"]
SEQUENCES, SEQUENCE_LENGTH = 2, 24
SEED, BATCH_NUMBER = 77, 5
STEPS = 4
DROPOUT_KEY, NOISE_KEY = 1, 2


def philox(key, counter):
    """Philox-4x32-10 of Salmon et al. 2011, over arrays of counters."""
    k0, k1 = (numpy.uint64(word) for word in key)
    x = [numpy.asarray(word, dtype=numpy.uint64) for word in numpy.broadcast_arrays(*counter)]
    low = numpy.uint64(0xFFFFFFFF)
    for _ in range(10):
        a, b = numpy.uint64(0xD2511F53) * x[0], numpy.uint64(0xCD9E8D57) * x[2]
        x = [(b >> numpy.uint64(32)) ^ x[1] ^ k0, b & low, (a >> numpy.uint64(32)) ^ x[3] ^ k1, a & low]
        k0, k1 = (k0 + numpy.uint64(0x9E3779B9)) & low, (k1 + numpy.uint64(0xBB67AE85)) & low
    return x


class CountedDropout(torch.nn.Module):
    """Drops x (B,S,I) before A of one linear layer."""

    def __init__(self, rate, layer, target):
        super().__init__()
        self.threshold = round(rate * 65536)
        self.stream = layer * 7 + TARGETS.index(target)

    def forward(self, x):
        sequences, length, inputs = x.shape
        tokens = numpy.arange(sequences * length)[:, None]
        element = numpy.arange(inputs)[None, :]
        words = philox((SEED, DROPOUT_KEY), (element // 8, tokens, self.stream, BATCH_NUMBER))
        word = numpy.choose((element % 8) // 2 + 0 * tokens, words)
        half = numpy.where(element % 2 == 0, word & numpy.uint64(0xFFFF), word >> numpy.uint64(16))
        keep = torch.from_numpy((half >= self.threshold).astype("f4")).reshape(x.shape)
        return x * keep * (65536 / (65536 - self.threshold))


def noise(alpha):
    """What NEFTune adds to the embeddings (B,S,D) of a batch."""
    D = MODEL["hiddenSize"]
    tokens = numpy.arange(SEQUENCES * SEQUENCE_LENGTH)[:, None]
    element = numpy.arange(D)[None, :]
    words = philox((SEED, NOISE_KEY), (element // 4, tokens, 0, BATCH_NUMBER))
    word = numpy.choose(element % 4 + 0 * tokens, words).astype("i8")
    unit = (2 * (word >> 8) + 1 - 2**24) / 2**24
    values = unit * alpha / math.sqrt(SEQUENCE_LENGTH * D)
    return torch.from_numpy(values.astype("f4")).reshape(SEQUENCES, SEQUENCE_LENGTH, D)


def base_model(weights):
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=MODEL["vocabSize"],
            hidden_size=MODEL["hiddenSize"],
            intermediate_size=MODEL["intermediateSize"],
            num_hidden_layers=MODEL["layerCount"],
            num_attention_heads=MODEL["headCount"],
            num_key_value_heads=MODEL["kvHeadCount"],
            head_dim=MODEL["headDim"],
            rms_norm_eps=MODEL["rmsNormEps"],
            rope_theta=MODEL["ropeTheta"],
            max_position_embeddings=SEQUENCE_LENGTH,
            tie_word_embeddings=True,
            attn_implementation="eager",
        )
    )
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            values = numpy.frombuffer(base64.b64decode(weights[name]["values"]), "<f4")
            parameter.copy_(torch.from_numpy(values.copy()).reshape(parameter.shape))
    return model.eval()


def adapter_parameters(model):
    """The trained tensors of each linear layer that has some, in canonical order."""
    parameters = dict(model.named_parameters())
    found = []
    for layer in range(MODEL["layerCount"]):
        for target in TARGETS:
            module = f"base_model.model.model.layers.{layer}.{llama.MODULES[target]}"
            for part in ("lora_A.default.weight", "lora_B.default.weight"):
                if f"{module}.{part}" in parameters:
                    found.append(parameters[f"{module}.{part}"])
    return found


def saved(model):
    """The files that peft writes, base64."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        read = lambda name: (pathlib.Path(folder) / name).read_bytes()
        config = json.loads(read("adapter_config.json"))
        return {"config": config, "weights": base64.b64encode(read("adapter_model.safetensors")).decode()}


def variant(name, weights, dropout=0, noise_alpha=0, rate_ratio=0, **options):
    torch.manual_seed(sum(map(ord, name)))
    modules = [module.split(".")[1] for module in llama.MODULES.values()]
    settings = {"r": 4, "lora_alpha": 8, "target_modules": modules} | options
    model = get_peft_model(base_model(weights), LoraConfig(**settings))
    adapter = adapter_parameters(model)
    with torch.no_grad():
        for tensor in adapter:
            tensor.copy_(0.1 * torch.randn_like(tensor))
    if dropout:
        for layer in range(MODEL["layerCount"]):
            for target in TARGETS:
                part, module = llama.MODULES[target].split(".")
                linear = getattr(getattr(model.base_model.model.model.layers[layer], part), module)
                linear.lora_dropout["default"] = CountedDropout(dropout, layer, target)
    if noise_alpha:
        added = noise(noise_alpha)
        embedding = model.base_model.model.model.embed_tokens
        embedding.register_forward_hook(lambda _module, _inputs, output: output + added)
    made = {"peft": saved(model), "adapter": llama.packed(llama.flat(adapter))}
    batch = llama.random_batch(SEQUENCES, SEQUENCE_LENGTH)
    loss = llama.mean_loss(model(batch[0]).logits, batch[1])
    gradients = llama.flat(torch.autograd.grad(loss, adapter))
    made |= {"batch": llama.as_lists(batch), "loss": loss.item(), "gradients": llama.packed(gradients)}
    if rate_ratio:
        made |= {"rateRatio": rate_ratio, "losses": plus_losses(model, batch, rate_ratio)}
    return made | {"dropout": dropout, "noise": noise_alpha}


def plus_losses(model, batch, ratio):
    """Losses before each step where B learns so many times faster than A. Source: peft's own LoRA+."""
    from peft.optimizers import create_loraplus_optimizer

    optimizer = create_loraplus_optimizer(
        model=model,
        optimizer_cls=torch.optim.AdamW,
        lr=llama.LEARNING_RATE / 4,
        loraplus_lr_ratio=ratio,
        betas=(llama.HYPER["beta1"], llama.HYPER["beta2"]),
        eps=llama.HYPER["epsilon"],
        weight_decay=0,
    )
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = llama.mean_loss(model(batch[0]).logits, batch[1])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(adapter_parameters(model), llama.HYPER["gradientClip"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def main():
    torch.set_num_threads(1)
    weights = json.loads((FOLDER / "llama-tied.json").read_text())["weights"]
    patterns = {
        "rank_pattern": {r"layers\.0\..*(q|k)_proj": 2, "v_proj": 8, "model.layers.1.mlp.down_proj": 3},
        "alpha_pattern": {r"layers\.\d+\.mlp\.up_proj": 2, "q_proj": 6},
    }
    made = {
        "layers": variant("layers", weights, layers_to_transform=[1]),
        "rslora": variant("rslora", weights, use_rslora=True),
        "patterns": variant("patterns", weights, use_rslora=True, **patterns),
        "loraplus": variant("loraplus", weights, rate_ratio=4),
        "dropout": variant("dropout", weights, dropout=0.3),
        "neftune": variant("neftune", weights, noise_alpha=5),
    }
    head = {"seed": SEED, "batchNumber": BATCH_NUMBER, "learningRate": llama.LEARNING_RATE / 4}
    (FOLDER / "methods.json").write_text(json.dumps(head | {"variants": made}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
