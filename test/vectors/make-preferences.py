"""Golden vectors of preference training: losses and rewards by trl's own functions, gradients by torch.

    python3 -m venv env && env/bin/pip install torch 'transformers<4.50' 'trl==0.15.2' peft numpy
    env/bin/python test/vectors/make-preferences.py        # rewrites preferences.json

The base is that of llama-tied.json; the reference is that base with the adapter off. Each answer goes through the
model by itself, as prompt and completion. Running the tests needs no Python. Numbers are packed as make-llama.py
does it.

What trl's functions leave to its trainers is written out here: the mean over what is rated, and the chosen answer's
own loss, of which trl takes the mean over the tokens of a batch, and which here is the mean over each answer's.
"""

import importlib.util
import json
import pathlib
from types import SimpleNamespace

import numpy
import torch
from peft import LoraConfig, get_peft_model
from trl import CPOTrainer, DPOTrainer, KTOTrainer, ORPOTrainer

FOLDER = pathlib.Path(__file__).parent
spec = importlib.util.spec_from_file_location("make_methods", FOLDER / "make-methods.py")
methods = importlib.util.module_from_spec(spec)
spec.loader.exec_module(methods)
llama = methods.llama

# Tokens of a prompt and of its two answers.
LENGTHS = [(3, 5, 4), (6, 2, 5), (1, 7, 3)]
DESIRABLE = [True, False, False, True, True, False]
MODULES = ["q_proj", "v_proj", "down_proj"]


def answers():
    """Pairs as (ids, tokens of the prompt): chosen, rejected, chosen, ..."""
    made = []
    for prompt, chosen, rejected in LENGTHS:
        asked = torch.randint(0, llama.MODEL["vocabSize"], (prompt,)).tolist()
        for length in (chosen, rejected):
            made.append((asked + torch.randint(0, llama.MODEL["vocabSize"], (length,)).tolist(), prompt))
    return made


def log_probabilities(model, all_answers):
    """Summed over each answer's tokens, and how many those are."""
    sums, counts = [], []
    for ids, prompt in all_answers:
        logits = model(torch.tensor([ids[:-1]])).logits[0]
        of = logits.log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None])[:, 0]
        sums.append(of[prompt - 1 :].sum())
        counts.append(len(ids) - prompt)
    return torch.stack(sums), torch.tensor(counts)


def trainer(**settings):
    """What trl's loss functions read of a trainer."""
    common = {"accelerator": SimpleNamespace(device="cpu"), "reference_free": False, "f_divergence_type": "reverse_kl"}
    return SimpleNamespace(**common, **settings)


def rated(preference, policy, reference, counts):
    """Losses, and rewards of what is chosen and of what is not."""
    beta = preference["beta"]
    chosen, rejected = policy[0::2], policy[1::2]
    means = policy / counts
    match preference["loss"]:
        case "dpo":
            owner = trainer(loss_type="sigmoid", beta=beta, label_smoothing=preference.get("labelSmoothing", 0))
            return DPOTrainer.dpo_loss(owner, chosen, rejected, reference[0::2], reference[1::2])
        case "ipo":
            owner = trainer(loss_type="ipo", beta=beta, label_smoothing=0)
            other = reference / counts
            return DPOTrainer.dpo_loss(owner, means[0::2], means[1::2], other[0::2], other[1::2])
        case "orpo":
            losses, *rewards = ORPOTrainer.odds_ratio_loss(trainer(beta=beta), means[0::2], means[1::2])[:3]
            return -means[0::2] - losses, *rewards
        case "simpo":
            gamma = preference["targetMargin"]
            owner = trainer(loss_type="simpo", beta=beta, simpo_gamma=gamma, label_smoothing=0, alpha=0.0)
            losses, *rewards = CPOTrainer.cpo_loss(owner, means[0::2], means[1::2])
            return losses - preference["chosenWeight"] * means[0::2], *rewards
        case "kto":
            owner = trainer(loss_type="apo_zero_unpaired", beta=beta, calculate_KL=False)
            owner.desirable_weight = preference["desirableWeight"]
            owner.undesirable_weight = preference["undesirableWeight"]
            good = torch.tensor(DESIRABLE)
            losses, better, worse, _ = KTOTrainer.kto_loss(
                owner, policy[good], policy[~good], None, reference[good], reference[~good], None
            )
            return losses, better, worse


def made(model, adapter, preference, all_answers):
    with torch.no_grad(), model.disable_adapter():
        reference, _ = log_probabilities(model, all_answers)
    policy, counts = log_probabilities(model, all_answers)
    losses, better, worse = rated(preference, policy, reference, counts)
    loss = losses.mean()
    gradients = llama.flat(torch.autograd.grad(loss, adapter))
    # Of answers that are rated singly, one that is bad has the better reward the lower it is.
    margins = torch.cat((better, -worse)) if preference["loss"] == "kto" else better - worse
    return {
        "preference": preference,
        "loss": loss.item(),
        "right": int((margins > 0).sum()),
        "margin": margins.mean().item(),
        "gradients": llama.packed(gradients),
    }


def main():
    torch.set_num_threads(1)
    torch.manual_seed(21)
    weights = json.loads((FOLDER / "llama-tied.json").read_text())["weights"]
    settings = LoraConfig(r=2, lora_alpha=4, target_modules=MODULES)
    model = get_peft_model(methods.base_model(weights), settings)
    adapter = methods.adapter_parameters(model)
    with torch.no_grad():
        for tensor in adapter:
            tensor.copy_(0.2 * torch.randn_like(tensor))
    all_answers = answers()
    cases = [
        {"loss": "dpo", "beta": 0.1},
        {"loss": "dpo", "beta": 0.5, "labelSmoothing": 0.1},
        {"loss": "ipo", "beta": 0.2},
        {"loss": "orpo", "beta": 0.25},
        {"loss": "simpo", "beta": 2.0, "targetMargin": 0.5, "chosenWeight": 0.4},
        {"loss": "kto", "beta": 0.3, "desirableWeight": 1.2, "undesirableWeight": 0.7},
    ]
    file = {
        "answers": [{"ids": ids, "prompt": prompt} for ids, prompt in all_answers],
        "desirable": DESIRABLE,
        "adapterShape": {"adapterRank": 2, "alpha": 4, "targets": ["q", "v", "down"]},
        "adapter": llama.packed(llama.flat(adapter)),
        "cases": [made(model, adapter, preference, all_answers) for preference in cases],
    }
    (FOLDER / "preferences.json").write_text(json.dumps(file, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
