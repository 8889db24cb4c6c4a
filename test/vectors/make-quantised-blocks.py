"""Adds to quantised-blocks.json what the gguf package makes of our blocks.

REWRITE=1 npx vitest run test/kernels/quantise-blocks.test.ts, which writes the blocks, then
python test/vectors/make-quantised-blocks.py  (gguf, numpy)
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

path = Path(__file__).parent / "quantised-blocks.json"
vectors = json.loads(path.read_text())
for name, vector in vectors.items():
    kind = gguf.GGMLQuantizationType[name]
    blocks = np.frombuffer(base64.b64decode(vector["blocks"]), np.uint8)
    _, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    values = gguf.dequantize(blocks.reshape(-1, block_bytes), kind).astype(np.float32)
    vector["values"] = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
path.write_text(json.dumps(vectors, indent=1) + "\n")
