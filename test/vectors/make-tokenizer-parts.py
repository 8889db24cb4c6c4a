"""Makes tokenizer-parts.json: generated tokenizers that have each part of tokenizer.json in many
ways, and what the Rust library makes of generated texts under them: ids without and with what the
post-processor adds, and the text again.

Python 3.11, tokenizers 0.23.3. Run: python make-tokenizer-parts.py
"""
import json
import random
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
PROSE = (HERE.parent.parent / "node/model/embedded/README.md").read_text()
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def trained(pre, text, size, **options):
    tokenizer = Tokenizer(models.BPE())
    if pre is not None:
        tokenizer.pre_tokenizer = pre
    tokenizer.train_from_iterator([text], trainers.BpeTrainer(vocab_size=size, **options))
    return json.loads(tokenizer.to_str())["model"]


def vocabularies():
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False)
    byte_level = trained(plain, PROSE, 330, initial_alphabet=alphabet)
    spaced = pre_tokenizers.Metaspace()
    piece = trained(spaced, PROSE, 180, special_tokens=["<unk>", "<s>", "</s>"] + BYTES)
    few = trained(pre_tokenizers.Whitespace(), PROSE, 120, special_tokens=["<unk>"])
    both = {name: {"vocab": model["vocab"], "merges": model["merges"]} for name, model in
            [("bytes", byte_level), ("pieces", piece), ("few", few)]}
    # A word that no merge makes: only ignore_merges finds it.
    for vocabulary in both.values():
        vocabulary["vocab"]["qzx"] = len(vocabulary["vocab"])
        vocabulary["vocab"]["the"] = vocabulary["vocab"].get("the", len(vocabulary["vocab"]))
    return both


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def pick(self, *options):
        return self.random.choice(options)

    def normalizer(self):
        kind = self.random.randrange(12)
        if kind < 4:
            return None
        simple = [
            {"type": "NFC"}, {"type": "NFD"}, {"type": "NFKC"}, {"type": "NFKD"},
            {"type": "Lowercase"}, {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
            {"type": "Strip", "strip_left": True, "strip_right": self.pick(True, False)},
            {"type": "Sequence", "normalizers": [
                {"type": "Prepend", "prepend": "▁"},
                {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
            {"type": "StripAccents"},
            {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}]},
        ]
        return self.random.choice(simple)

    def pre_tokenizer(self, vocabulary):
        level = {"type": "ByteLevel", "add_prefix_space": self.pick(False, False, True),
                 "trim_offsets": True, "use_regex": self.pick(True, True, False)}
        behavior = self.pick("Isolated", "Removed", "MergedWithPrevious", "MergedWithNext",
                             "Contiguous")
        others = [
            {"type": "Digits", "individual_digits": self.pick(True, False)},
            {"type": "Split", "pattern": {"String": self.pick(" ", "e", "▁", "ab")},
             "behavior": behavior, "invert": False},
            {"type": "Split", "pattern": {"Regex": self.pick(
                "\\s+", "\\p{L}+", "\\d", "[^\\s\\p{L}]+", "(?i:'s|'t)|\\p{L}+|\\s+(?!\\S)|\\s+")},
             "behavior": behavior, "invert": self.pick(False, False, True)},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme":
             self.pick("always", "first", "never"), "split": self.pick(True, False)},
            {"type": "Punctuation", "behavior": behavior},
            {"type": "Whitespace"}, {"type": "WhitespaceSplit"},
        ]
        if vocabulary == "bytes":
            if self.pick(True, False):
                return level
            return {"type": "Sequence", "pretokenizers": [self.random.choice(others), level]}
        return self.pick(None, self.random.choice(others), {"type": "Sequence", "pretokenizers": [
            self.random.choice(others), self.random.choice(others)]})

    def decoder(self, vocabulary):
        if vocabulary == "bytes":
            return {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                    "use_regex": True}
        return self.pick(
            {"type": "Sequence", "decoders": [
                {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                {"type": "ByteFallback"}, {"type": "Fuse"},
                {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
            {"type": "Metaspace", "replacement": "▁", "prepend_scheme":
             self.pick("always", "first", "never"), "split": True},
            {"type": "Fuse"}, {"type": "ByteFallback"},
            {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        )

    def added(self, vocabulary):
        texts = self.random.sample(
            ["<|end|>", "art", "<s>", "New", "<a> ", " b", "ab", "<|e", "é", "[X]", "a b", "12"], 4)
        size = len(vocabulary)
        free = iter(range(size, size + len(texts)))
        return [{
            "id": vocabulary[text] if text in vocabulary else next(free), "content": text,
            "single_word": self.pick(False, False, True), "lstrip": self.pick(False, False, True),
            "rstrip": self.pick(False, False, True), "normalized": self.pick(True, False),
            "special": self.pick(True, False),
        } for text in texts]

    def post_processor(self, added):
        token = added[0]["content"]
        template = {
            "type": "TemplateProcessing",
            "single": self.pick(
                [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": token, "type_id": 0}}],
                [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": token, "type_id": 0}}]),
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {token: {"id": token, "ids": [added[0]["id"]], "tokens": [token]}},
        }
        level = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False,
                 "use_regex": True}
        return self.pick(None, level, template, {"type": "Sequence", "processors": [level, template]})

    def tokenizer(self, vocabularies):
        name = self.pick("bytes", "bytes", "pieces", "few")
        unknown = None if name == "bytes" else "<unk>"
        added = self.added(vocabularies[name]["vocab"])
        return name, {
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
            "normalizer": self.normalizer(), "pre_tokenizer": self.pre_tokenizer(name),
            "post_processor": self.post_processor(added), "decoder": self.decoder(name),
            "model": {
                "type": "BPE", "dropout": None, "unk_token": unknown,
                "continuing_subword_prefix": None, "end_of_word_suffix": None,
                "fuse_unk": self.pick(True, False), "byte_fallback": name == "pieces",
                "ignore_merges": self.pick(True, False),
            },
        }

    def text(self, added):
        pieces = [token["content"] for token in added] * 3 + [
            " ", "  ", "\n", "\t", "part", "arts", "the", "qzx", "of model", "1234", "Don't", "e\u0301",
            "é", "Å", "ﬁ", "日本", "👍🏽", "x-y_z", "...", "ART", "▁", "\u00a0", "<", "ab", "aab", "_", "Ǆ",
            "\u0000", "İ", "½", "\u3000", "a", "B",
        ]
        return "".join(self.random.choice(pieces) for _ in range(self.random.randrange(9)))


def main():
    maker = Maker(20261129)
    shared = vocabularies()
    made = []
    while len(made) < 96:
        name, parts = maker.tokenizer(shared)
        normalizer, cut = json.dumps(parts["normalizer"]), json.dumps(parts["pre_tokenizer"])
        # Where a text begins is lost there, which is refused.
        moves = any(f'"{kind}' in normalizer for kind in ["Prepend", "Replace", "Strip"])
        if moves and '"first"' in cut:
            continue
        whole = json.loads(json.dumps(parts))
        whole["model"].update(shared[name])
        tokenizer = Tokenizer.from_str(json.dumps(whole))
        cases = []
        for _ in range(9):
            text = maker.text(parts["added_tokens"])
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            around = tokenizer.encode(text, add_special_tokens=True).ids
            back = tokenizer.decode(ids, skip_special_tokens=False)
            cases.append([text, ids, None if around == ids else around, back])
        made.append({"vocabulary": name, "tokenizer": parts, "cases": cases})
    dump = lambda value: json.dumps(value, ensure_ascii=True, separators=(",", ":"))  # noqa: E731
    lines = ",\n".join(map(dump, made))
    text = f'{{"vocabularies":{dump(shared)},\n"made":[\n{lines}\n]}}\n'
    (HERE / "tokenizer-parts.json").write_text(text)
    print(len(made), len(text))


main()
