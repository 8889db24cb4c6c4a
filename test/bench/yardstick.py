"""Contestants of `npm run bench` in Python: `openblas` (numpy's products) or `torch` (products and
whole LoRA steps). Argument 2 is the type of a step's numbers: float32 or bfloat16; 3 is how many
threads there are."""

import json
import os
import resource
import sys
import time

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = sys.argv[3]
# Its threads wait in a loop for the next product, which would disturb whoever is asked next.
os.environ["OPENBLAS_THREAD_TIMEOUT"] = "4"

ENGINE, TYPE = sys.argv[1], sys.argv[2]
GEMM_SECONDS, WARM_UP_SECONDS = 0.04, 0.15
if ENGINE == "openblas":
    import numpy

    blas = numpy.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    if "openblas" not in blas:
        sys.exit(f"numpy multiplies with {blas}")
else:
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(int(sys.argv[3]))
    torch.manual_seed(0)


def product(M, N, K, form, **_):
    if ENGINE == "openblas":
        random = numpy.random.default_rng(0)
        x = random.random((M, K), dtype=numpy.float32)
        w = random.random((N, K) if form == "nt" else (K, N), dtype=numpy.float32)
        w, y = w.T if form == "nt" else w, numpy.empty((M, N), dtype=numpy.float32)
        return lambda: numpy.matmul(x, w, out=y)
    x, w, y = torch.rand(M, K), torch.rand(*((N, K) if form == "nt" else (K, N))), torch.empty(M, N)
    w = w.t() if form == "nt" else w
    return lambda: torch.mm(x, w, out=y)


def step(layers, sequences, sequenceLength, adapterRank, **_):
    """The decoder and the LoRA of the project, in eager mode: forward, backward, clip, AdamW."""
    dtype = getattr(torch, TYPE)
    D, F_, H, G, E, V, S = 576, 1536, 9, 3, 64, 49152, sequenceLength
    sizes = dict(q=(D, D), k=(D, G * E), v=(D, G * E), o=(D, D), gate=(D, F_), up=(D, F_), down=(F_, D))
    scale = 16 / adapterRank

    def layer():
        weights = {}
        for name, (inputs, outputs) in sizes.items():
            w = (torch.randn(outputs, inputs) * 0.02).to(dtype)
            a = torch.nn.Parameter(torch.randn(adapterRank, inputs) * 0.02)
            weights[name] = w, a, torch.nn.Parameter(torch.zeros(outputs, adapterRank))
        return weights

    model = [layer() for _ in range(layers)]
    embedding = (torch.randn(V, D) * 0.02).to(dtype)
    norm = torch.ones(D, dtype=dtype)
    parameters = [p for weights in model for _, a, b in weights.values() for p in (a, b)]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0)
    angles = torch.outer(torch.arange(S).float(), 10000 ** (-torch.arange(0, E, 2).float() / E))
    cos, sin = (t.repeat(1, 2).to(dtype) for t in (angles.cos(), angles.sin()))
    tokens = torch.arange(sequences * S).mul(7919).remainder(V).view(sequences, S)

    def turn(x):
        low, high = x.chunk(2, -1)
        return x * cos + torch.cat((-high, low), -1) * sin

    def heads(x, count):
        return x.view(sequences, S, count, E).transpose(1, 2)

    def linear(x, weights):
        w, a, b = weights
        return F.linear(x, w) + F.linear(F.linear(x, a.to(dtype)), b.to(dtype)) * scale

    def forward():
        x = F.embedding(tokens, embedding)
        for weights in model:
            h = F.rms_norm(x, (D,), norm, 1e-5)
            q = turn(heads(linear(h, weights["q"]), H))
            k = turn(heads(linear(h, weights["k"]), G)).repeat_interleave(H // G, 1)
            v = heads(linear(h, weights["v"]), G).repeat_interleave(H // G, 1)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + linear(y.transpose(1, 2).reshape(sequences, S, D), weights["o"])
            h = F.rms_norm(x, (D,), norm, 1e-5)
            h = F.silu(linear(h, weights["gate"])) * linear(h, weights["up"])
            x = x + linear(h, weights["down"])
        logits = F.linear(F.rms_norm(x, (D,), norm, 1e-5), embedding)
        return F.cross_entropy(logits.view(-1, V).float(), tokens.view(-1))

    def run():
        optimizer.zero_grad()
        forward().backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    return run


def timed(run, seconds):
    cpu, wall, count = time.process_time(), time.perf_counter(), 0
    while True:
        run()
        count += 1
        if time.perf_counter() - wall >= seconds:
            break
    return (time.process_time() - cpu) / count, (time.perf_counter() - wall) / count


prepared = None, None
print("ready", flush=True)
for line in sys.stdin:
    task = json.loads(line)
    is_product = task["task"] == "gemm"
    if prepared[0] != line:
        prepared = None, None
        prepared = line, (product if is_product else step)(**task)
        timed(prepared[1], WARM_UP_SECONDS if is_product else 0)
    cpu, wall = timed(prepared[1], GEMM_SECONDS if is_product else 0)
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"cpu": cpu, "wall": wall, "peakBytes": peak}), flush=True)
