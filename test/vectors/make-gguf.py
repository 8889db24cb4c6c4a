"""
Makes gguf.json: what llama.cpp's own Python package writes, for our writer to agree with.

    pip install gguf numpy torch    (in a throw-away environment)
    python test/vectors/make-gguf.py

`file`: a GGUF with metadata of every type and a tensor of every type that we write. `floats`: bits
of float32 around every edge of float16 and bfloat16, and those of the nearest halves.
"""

import base64
import json
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch

HERE = Path(__file__).parent
TYPE = gguf.GGUFValueType
QUANT = gguf.GGMLQuantizationType

SCALARS = {
    "u8": 255, "i8": -128, "u16": 65535, "i16": -32768, "u32": 2**32 - 1, "i32": -(2**31),
    "f32": 0.1, "bool": True, "string": "Grüße 🐋", "u64": 2**64 - 1, "i64": -(2**63), "f64": 0.1,
}  # fmt: skip
CODES = {"u8": "UINT8", "i8": "INT8", "u16": "UINT16", "i16": "INT16", "u32": "UINT32",
         "i32": "INT32", "f32": "FLOAT32", "bool": "BOOL", "string": "STRING", "u64": "UINT64",
         "i64": "INT64", "f64": "FLOAT64"}  # fmt: skip


def encoded(data):
    return base64.b64encode(data).decode()


def file_vector():
    values = np.random.default_rng(1).normal(size=(3, 64)).astype(np.float32)
    values[1, :32] = 0
    values[2, 0] = 40
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "all.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        for name, value in SCALARS.items():
            writer.add_key_value(f"one.{name}", value, TYPE[CODES[name]])
        writer.add_array("some.strings", ["a", "", "Ġb"])
        writer.add_array("some.i32", [1, -2, 3])
        writer.add_array("some.bools", [True, False])
        for quant in (QUANT.F32, QUANT.F16, QUANT.BF16, QUANT.Q8_0):
            data = gguf.quants.quantize(values, quant)
            writer.add_tensor(quant.name.lower(), data, raw_dtype=quant)
        writer.add_tensor("vector", values[0, :5])
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return {"bytes": encoded(path.read_bytes()), "values": encoded(values.tobytes())}


def float_vectors():
    edges = [0, 2**-26, 2**-25, 2**-24, 2**-14, 1, 65504, 65520, 2**16, 2**127, np.inf]
    bits = {int(np.float32(edge).view(np.uint32)) + by for edge in edges for by in (-1, 0, 1) if edge or by >= 0}
    bits |= {int(n) for n in np.random.default_rng(2).integers(0, 0x7F800000, 200)}
    bits |= {int(n) for n in np.random.default_rng(3).integers(0x33000000, 0x47800000, 400)}
    # Halfway between two halves, and a bit beside it.
    bits |= {(n << 13) + 0x1000 + by for n in range(0x1C000, 0x1C010) for by in (-1, 0, 1)}
    bits |= {(n << 16) + 0x8000 + by for n in range(0x3F80, 0x3F84) for by in (-1, 0, 1)}
    finite = sorted(b for b in bits if b <= 0x7F800000)
    both = np.array(finite + [b | 0x80000000 for b in finite], dtype=np.uint32)
    floats = torch.from_numpy(both.view(np.float32).copy())
    halves = {
        name: floats.to(dtype).view(torch.int16).numpy().view(np.uint16)
        for name, dtype in (("F16", torch.float16), ("BF16", torch.bfloat16))
    }
    return {"F32": encoded(both.tobytes())} | {k: encoded(v.tobytes()) for k, v in halves.items()}


scalars = {name: str(value) if abs(value) > 2**53 else value
           for name, value in SCALARS.items() if not isinstance(value, str)} | {"string": SCALARS["string"]}  # fmt: skip
vectors = {"scalars": {name: scalars[name] for name in SCALARS}, "file": file_vector(), "floats": float_vectors()}
(HERE / "gguf.json").write_text(json.dumps(vectors, ensure_ascii=False, indent=1) + "\n")
