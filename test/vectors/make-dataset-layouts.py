"""
Which files of a folder `datasets` reads, for layouts of every kind: dataset-layouts.json.

    pip install 'datasets==5.2.*'
    python make-dataset-layouts.py > dataset-layouts.json

Each layout is a list of names, and what README.md says of configs. Its answers are the files of
each split of each config, or of the whole where there are no configs, as `load_dataset` finds them
(without reading rows); and the default config, or null where "Config name is missing".
Slices are answered by ReadInstruction: of `count` rows, from where to where; none where it refuses.
"""
import itertools
import json
import os
import random
import tempfile

import yaml
from datasets import ReadInstruction
from datasets.data_files import DataFilesDict, get_data_patterns, sanitize_patterns
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData

random.seed(15)

LAYOUTS = [
    (["README.md", "data/train-00000-of-00001.jsonl", "data/test-00000-of-00001.jsonl"], None),
    (["data/train-00000-of-00002.parquet", "data/train-00001-of-00002.parquet", "data/mine-00000-of-00001.parquet"], None),
    (["train.jsonl", "test.jsonl", "notes.txt"], None),
    (["my_train_1.jsonl", "my-dev.jsonl", "latest.jsonl", "training.jsonl"], None),
    (["train/a.jsonl", "train/b.jsonl", "eval/c.jsonl", "d.jsonl"], None),
    (["split train/a.jsonl", "old.test.2/b.jsonl", "contest/c.jsonl"], None),
    (["validation.jsonl", "test.jsonl"], None),
    (["a.jsonl", "b/c.jsonl", ".hidden/d.jsonl", "__pycache__/e.jsonl", "b/.f.jsonl", "dataset_infos.json"], None),
    (["val/x.jsonl", "training/y.jsonl", "train.jsonl"], None),
    (["trains/x.jsonl", "restrain.jsonl"], None),
    (
        ["README.md", "sea/a.jsonl", "sea/deep/b.jsonl", "land/train.jsonl", "land/test.jsonl"],
        [{"config_name": "sea", "data_files": "sea/*.jsonl"}, {"config_name": "land", "data_dir": "land"}],
    ),
    (
        ["README.md", "sea/a.jsonl", "sea/deep/b.jsonl", "land/c.jsonl"],
        [
            {"config_name": "sea", "data_files": [{"split": "train", "path": "sea/**"}]},
            {"config_name": "default", "data_files": [{"split": "test", "path": ["land/[ac].jsonl", "sea/a*"]}]},
        ],
    ),
    (
        ["a1.jsonl", "a2.jsonl", "b1.jsonl"],
        [
            {"config_name": "a", "data_files": ["a1.jsonl", "a2.jsonl"]},
            {"config_name": "b", "data_files": "b?.jsonl", "default": True},
        ],
    ),
    (["x/train-a.jsonl", "x/b.jsonl"], [{"config_name": "only", "data_files": "**/*.jsonl"}]),
]

WORDS = ["train", "test", "dev", "validation", "data", "part", "training", "eval", "a", "b"]
for _ in range(40):
    def word():
        return random.choice(["", "my", "0"]) + random.choice(["", "-", "_", " ", "x"]) + random.choice(WORDS)
    names = {
        "/".join([word() for _ in range(random.choice([0, 0, 1, 2]))] + [word() + random.choice(["", "_1", "-b", "s"]) + ".jsonl"])
        for _ in range(random.randint(2, 6))
    }
    LAYOUTS.append((sorted(names), None))


def resolved(root, patterns, folder=""):
    files = DataFilesDict.from_patterns(patterns, base_path=os.path.join(root, folder))
    return {
        str(split): sorted(os.path.relpath(name, root) for name in names if name.endswith((".jsonl", ".parquet")))
        for split, names in files.items()
    }


def answer(names, configs):
    with tempfile.TemporaryDirectory() as root:
        for name in names:
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            open(os.path.join(root, name), "w").close()
        if configs is None:
            return {"splits": {"": resolved(root, get_data_patterns(root))}, "default": ""}
        metadata = MetadataConfigs.from_dataset_card_data(DatasetCardData(configs=configs))
        splits = {}
        for name, config in metadata.items():
            folder = config.get("data_dir") or ""
            data_files = config.get("data_files")
            patterns = sanitize_patterns(data_files) if data_files else get_data_patterns(os.path.join(root, folder))
            splits[name] = resolved(root, patterns, folder)
        return {"splits": splits, "default": metadata.get_default_config_name()}


def readme(configs):
    return None if configs is None else f"---\n{yaml.dump({'configs': configs})}---\n# Rows\n"


layouts = [dict(names=n, readme=readme(c), **answer(n, c)) for n, c in LAYOUTS]

slices = []
absolute = ["", "0", "3", "10", "200", "-5", "-200"]
percent = ["", "10%", "33%", "50%", "-25%", "100%", "101%"]
pairs = [*itertools.product(absolute, absolute), *itertools.product(percent, percent)]
for count, (start, end) in itertools.product([0, 1, 7, 10, 25, 101], pairs):
    key = f"train[{start}:{end}]"
    try:
        exact = ReadInstruction.from_spec(key).to_absolute({"train": count})[0]
    except ValueError:
        slices.append([key])
        continue
    slices.append([key, count, exact.from_, max(exact.from_, exact.to)])

print(json.dumps({"layouts": layouts, "slices": slices}, separators=(",", ":")))
