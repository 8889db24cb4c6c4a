"""Writes tokenizers.json: small tokenizers of each way to cut a text, and the ids that the Rust
library gives a hard corpus under them.

python test/vectors/make-tokenizers.py  (tokenizers)
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import trainers

HERE = Path(__file__).parent
PROSE = (HERE.parent.parent / "node/model/embedded/README.md").read_text()
CORPUS = [
    "",
    " ",
    "   leading and trailing   ",
    "tabs\tand\nlines\r\n\r\n\n  indented\n\tmore",
    "don't we'll I'M they'd've YOU'RE it's",
    "0 12 345 6789 1234567890 3.14159 1,000,000 ½ ² ٣ १२",
    "snake_case camelCase kebab-case a/b\\c C++ f(x)=y; {[<>]} !?!? ... —–-",
    "naïve café Ångström ǅ ß İstanbul ﬁ",
    "e\u0301 cafe\u0301 a\u0308\u0323 \u0041\u030a",
    "日本語のテキスト。中文，没有空格。한국어 문장",
    "العربية עברית हिन्दी ไทย",
    "👍 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇳🇿 ❤️ 🐋",
    "\u00a0\u2003\u3000\u200b\u200d\ufeff|",
    "a\u0000b\u0001\u007f\u0085",
    "\U0001f600\U00010348\U000e0041\ufffd",
    "x" * 300,
    "aaaa" + " " * 50 + "bbbb",
    "<|endoftext|>special<|endoftext|> <|im_start|>user\n<|im_end|>",
    "<s>not special</s> <0x41> ▁under",
    "Call me Ishmael. Some years ago—never mind how long precisely—",
]
SPECIAL = [AddedToken(text, special=True) for text in ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]]


def modern(digits):
    return Regex(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
        + digits
        + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


def byte_level(pre, normalizer=None):
    tokenizer = Tokenizer(models.BPE())
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        [PROSE], trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, special_tokens=SPECIAL)
    )
    return tokenizer


def sentence_piece():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(
        [PROSE.replace(" ", "▁")], trainers.BpeTrainer(vocab_size=460, special_tokens=special)
    )
    # Bytes are words, not special: a text may name one.
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = state["added_tokens"][:3]
    return Tokenizer.from_str(json.dumps(state))


def sequence(*parts):
    return pre_tokenizers.Sequence(list(parts))


def split(digits):
    return sequence(
        pre_tokenizers.Split(modern(digits), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    )


plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
TOKENIZERS = {
    "gpt-2": byte_level(plain),
    "smollm": byte_level(sequence(pre_tokenizers.Digits(individual_digits=True), plain)),
    "qwen2": byte_level(split(""), normalizers.NFC()),
    "llama-bpe": byte_level(split("{1,3}")),
    "sentencepiece": sentence_piece(),
}

vectors = {
    name: {
        "tokenizer": json.loads(tokenizer.to_str()),
        "cases": [
            {"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids}
            for text in CORPUS
        ],
    }
    for name, tokenizer in TOKENIZERS.items()
}
(HERE / "tokenizers.json").write_text(json.dumps(vectors, ensure_ascii=True) + "\n")
