"""Repeats the calls that record-calls.ts wrote down, in wasmtime, and prints as JSON how many of each op
came to the same bytes and how many did not.

    python3 replay.py KERNELS.wasm FOLDER ARENA_START
"""

import collections
import hashlib
import json
import struct
import sys

import wasmtime

kernels, folder, arena_start = sys.argv[1], sys.argv[2], int(sys.argv[3])
PAGES_MAX = 65536

with open(kernels, "rb") as file:
    module_bytes = bytearray(file.read())
# The Python package cannot hand a shared memory to a module. One thread needs none, so the flag in
# the import's limits is cleared: 3 is shared with a maximum, 1 has a maximum.
flag = module_bytes.index(b"\x03env\x06memory\x02\x03") + 12
module_bytes[flag] = 1

engine = wasmtime.Engine()
store = wasmtime.Store(engine)
memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(64, PAGES_MAX)))
module = wasmtime.Module(engine, bytes(module_bytes))
exports = wasmtime.Instance(store, module, [memory]).exports(store)


def number(text):
    return struct.unpack("<d", bytes.fromhex(text))[0]


def argument(text, kind):
    if str(kind) in ("f32", "f64"):
        return number(text)
    word = int(number(text)) & 0xFFFFFFFF
    return word - (word >> 31 << 32)


def repeat(call, image):
    """Whether a call leaves the bytes behind, and returns what it did, on the engine recorded."""
    export = exports[call["name"]]
    kinds = export.type(store).params
    missing = len(kinds) - len(call["args"])
    args = [argument(text, kind) for text, kind in zip(call["args"], kinds)] + [0] * missing
    memory.write(store, image, arena_start)
    returned = export(store, *args)
    after = memory.read(store, arena_start, arena_start + len(image))
    same_value = returned is None or struct.pack("<d", returned).hex() == call["returned"]
    return same_value and hashlib.sha256(after).hexdigest() == call["after"]


counts = collections.defaultdict(lambda: {"same": 0, "other": 0})
with open(f"{folder}/calls.jsonl") as lines, open(f"{folder}/memory.bin", "rb") as images:
    for line in lines:
        call = json.loads(line)
        images.seek(call["before"][0])
        image = images.read(call["before"][1])
        counts[call["op"]]["same" if repeat(call, image) else "other"] += 1
print(json.dumps(counts))
