"""Writes gguf-blocks.json: blocks of each type that we read, and what the gguf package makes of them.

python test/vectors/make-gguf-blocks.py  (gguf, numpy)
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

TYPES = ["Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]
BLOCKS = 3
# Where the float16 factors of a block lie.
FACTORS = {
    "Q8_0": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}


def text(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


random = np.random.default_rng(1)
vectors = {}
for name in TYPES:
    kind = gguf.GGMLQuantizationType[name]
    _, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (BLOCKS, block_bytes), dtype=np.uint8)
    for at in FACTORS[name]:
        factors = random.uniform(-0.1, 0.1, BLOCKS).astype(np.float16)
        blocks[:, at : at + 2] = factors.view(np.uint8).reshape(BLOCKS, 2)
    values = gguf.dequantize(blocks, kind).astype(np.float32)
    vectors[name] = {"blocks": text(blocks), "values": text(values)}

path = Path(__file__).parent / "gguf-blocks.json"
path.write_text(json.dumps(vectors, indent=1) + "\n")
