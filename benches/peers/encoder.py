#!/usr/bin/env python3
"""The passage encoder beside PyTorch, ONNX Runtime and candle: processor seconds of one thread.

    cargo build --release --locked -p ragdex-kernels --example encoder_worker
    cargo build --release --locked --manifest-path benches/peers/candle/Cargo.toml --target-dir target/candle
    python benches/peers/encoder.py --folder /tmp/encoder [--rounds 5] [--target target] [--only NAME ...]

The folder receives a BERT-base with random weights, written by transformers, the token ids of 96 passages of
N(130, 16) tokens, clipped to 90-180, and the graphs for ONNX Runtime; a second run finds them there.
Every encoder is a process of its own with one thread. Rounds go through all of them in turns (A B C
A B C), each round encodes all passages once, and a process counts its own processor time: on a busy machine
wall time means nothing. Ours encode them packed, in the order given; the others get them sorted by
length, in batches of 16 with a mask. Before that each is warmed up and its vectors compared with PyTorch's.

Needs numpy, torch, transformers (4.57), onnx, onnxruntime. Figures: `benches/README.md`.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

N_PASSAGES, BATCH = 96, 16
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")}
ROOT = pathlib.Path(__file__).resolve().parents[2]

# mode of ours, peer, gate, goal
TARGETS = [
    ("ours-f32", "torch-f32", 1.15, 1.3),
    ("ours-f32", "onnxruntime-f32", 1.2, 1.4),
    ("ours-f32", "candle-f32", 1.8, 2.1),
    ("ours-bf16", "torch-f32", 1.9, 2.3),
    ("ours-int8", "onnxruntime-int8", 1.6, 2.0),
    ("ours-int8", "torch-int8", None, None),
    ("ours-int8", "torch-f32", 3.5, 4.2),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("--target", type=pathlib.Path, default=ROOT / "target")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="the encoders to run")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(args.worker, args.folder)
    args.folder.mkdir(parents=True, exist_ok=True)
    if not (args.folder / "int8.onnx").exists():
        run_python("prepare", args.folder).wait()
    report(measure(args), args)


# The processes


def commands(args):
    """The command of each encoder."""
    worker = args.target / "release/examples/encoder_worker"
    ours = {f"ours-{name}": [worker, args.folder, name] for name in ("f32", "bf16", "int8")}
    candle = args.target / "candle/release/ragdex-peer-candle"
    names = ["torch-f32", "torch-int8", "onnxruntime-f32", "onnxruntime-int8"]
    python = {name: python_command(name, args.folder) for name in names}
    everything = {**ours, **python, "candle-f32": [candle, args.folder]}
    return {name: line for name, line in everything.items() if not args.only or name in args.only}


def python_command(worker, folder):
    return [sys.executable, __file__, "--folder", folder, "--worker", worker]


def run_python(worker, folder):
    return subprocess.Popen(python_command(worker, folder), env={**os.environ, **ONE_THREAD})


def measure(args):
    """Seconds of each round of each encoder; ours give the peak of the unit and their stages too."""
    environment = {**os.environ, **ONE_THREAD}
    workers = {}
    for name, line in commands(args).items():
        workers[name] = subprocess.Popen(
            [str(part) for part in line],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
    for name, worker in workers.items():
        ask(worker)
        check(name, args.folder)
    rounds = {name: [] for name in workers}
    for _ in range(args.rounds):
        for name, worker in workers.items():
            rounds[name].append(ask(worker))
    for worker in workers.values():
        worker.stdin.close()
        worker.wait()
    return rounds


def ask(worker):
    worker.stdin.write("\n")
    worker.stdin.flush()
    answer = json.loads(worker.stdout.readline())
    return answer if isinstance(answer, dict) else {"seconds": answer}


def check(name, folder):
    """Compares the vectors that an encoder wrote with PyTorch's."""
    import numpy

    ordered = numpy.argsort([len(ids) for ids in passages(folder)], kind="stable")
    found = numpy.fromfile(folder / f"{name}.vectors", "<f4").reshape(N_PASSAGES, -1)
    expected = numpy.fromfile(folder / "reference.vectors", "<f4").reshape(N_PASSAGES, -1)
    if name.startswith("ours"):
        expected_of = dict(zip(ordered, expected))
        expected = numpy.stack([expected_of[i] for i in range(N_PASSAGES)])
    lengths = numpy.linalg.norm(found, axis=1) * numpy.linalg.norm(expected, axis=1)
    cosine = ((found * expected).sum(1) / lengths).min()
    print(f"{name:17} least cosine to PyTorch {cosine:.6f}", flush=True)
    assert cosine > 0.9, f"{name} computes something else"


# The report


def report(rounds, args):
    lengths = [len(ids) for ids in passages(args.folder)]
    tokens, padded = sum(lengths), sum(16 * max(sorted(lengths)[i : i + 16]) for i in range(0, 96, 16))
    print(f"\n{N_PASSAGES} passages, {tokens / N_PASSAGES:.1f} tokens in the mean; ours without padding,")
    print(f"the others in sorted batches of {BATCH} with {100 * (padded / tokens - 1):.1f} % of padding\n")
    print("| encoder | passages/s, best | median | share of the unit's peak |")
    print("| --- | --- | --- | --- |")
    rates = {}
    for name, results in rounds.items():
        seconds = [result["seconds"] for result in results]
        rates[name] = [N_PASSAGES / min(seconds), N_PASSAGES / statistics.median(seconds)]
        best, median = rates[name]
        print(f"| {name} | {best:.2f} | {median:.2f} | {peak(results)} |")
    print("\n| ours | against | best : best | median : median | gate | goal |")
    print("| --- | --- | --- | --- | --- | --- |")
    for mine, peer, gate, goal in TARGETS:
        if mine in rates and peer in rates:
            best, median = (a / b for a, b in zip(rates[mine], rates[peer]))
            print(f"| {mine} | {peer} | {best:.2f} | {median:.2f} | {gate or ''} | {goal or ''} |")
    for name, results in rounds.items():
        if "stages" in results[-1]:
            shares = ", ".join(f"{stage} {100 * share:.1f} %" for stage, share in results[-1]["stages"].items())
            print(f"\n{name}: {shares}")


def peak(results):
    """The share of the best rate of the arithmetic unit, measured in the same process."""
    if "operations" not in results[0]:
        return "–"
    rate = max(result["operations"] / result["seconds"] for result in results)
    limit = max(result["peak"] for result in results)
    return f"{100 * rate / limit:.0f} % of {limit / 1e9:.0f} GOP/s"


# What the processes do


def passages(folder):
    return json.loads((folder / "passages.json").read_text())


def batches(folder):
    return json.loads((folder / "batches.json").read_text())


def work(name, folder):
    if name == "prepare":
        return prepare(folder)
    encode = {"torch": torch_encoder, "onnxruntime": onnx_encoder}[name.split("-")[0]](name, folder)
    for number, _ in enumerate(sys.stdin):
        start = time.process_time()
        rows = encode()
        seconds = time.process_time() - start
        if number == 0:
            import numpy

            numpy.concatenate(rows).astype("<f4").tofile(folder / f"{name}.vectors")
        print(seconds, flush=True)


def prepare(folder):
    """Writes the model, the passages and the graphs."""
    import numpy
    import torch
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    torch.set_num_threads(1)
    model = BertModel(BertConfig(attn_implementation="eager"), add_pooling_layer=False).eval()
    generator = torch.Generator().manual_seed(2)
    for name, tensor in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            tensor.data += 0.02 * torch.randn(tensor.shape, generator=generator)
    model.save_pretrained(folder)
    numbers = numpy.random.default_rng(1)
    lengths = numbers.normal(130, 16, N_PASSAGES).clip(90, 180).astype(int)
    ids = [numbers.integers(1000, 30000, length).tolist() for length in lengths]
    (folder / "passages.json").write_text(json.dumps(ids))
    ordered = sorted(ids, key=len)
    parts = [ordered[start : start + BATCH] for start in range(0, N_PASSAGES, BATCH)]
    (folder / "batches.json").write_text(json.dumps([padded(part) for part in parts]))
    with torch.inference_mode():
        rows = [model(torch.tensor([one])).last_hidden_state[0, 0].numpy() for one in ordered]
    numpy.stack(rows).astype("<f4").tofile(folder / "reference.vectors")
    export(model, folder)


def padded(part):
    width = max(map(len, part))
    fill = lambda values: values + [0] * (width - len(values))
    return {"ids": [fill(ids) for ids in part], "mask": [fill([1] * len(ids)) for ids in part]}


def export(model, folder):
    """The graph as the BERT optimiser of ONNX Runtime leaves it, and the same in bytes."""
    import onnx
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    one = torch.ones(2, 8, dtype=torch.long)
    axes = {0: "rows", 1: "tokens"}
    torch.onnx.export(
        model,
        (one, one),
        folder / "plain.onnx",
        input_names=["input_ids", "attention_mask"],
        output_names=["states"],
        dynamic_axes={name: axes for name in ("input_ids", "attention_mask", "states")},
        opset_version=17,
        dynamo=False,
    )
    optimised = optimizer.optimize_model(
        str(folder / "plain.onnx"), model_type="bert", num_heads=12, hidden_size=768
    )
    fused = optimised.get_fused_operator_statistics()
    assert fused["Attention"] == fused["BiasGelu"] == 12, fused
    optimised.save_model_to_file(str(folder / "f32.onnx"))
    quantize_dynamic(
        folder / "f32.onnx",
        folder / "int8.onnx",
        weight_type=QuantType.QInt8,
        # What the fused operators give has no type that onnx itself infers.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT},
    )


def torch_encoder(name, folder):
    import torch
    from transformers import BertModel

    torch.set_num_threads(1)
    model = BertModel.from_pretrained(folder, add_pooling_layer=False, attn_implementation="sdpa").eval()
    if name == "torch-int8":
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    inputs = [(torch.tensor(one["ids"]), torch.tensor(one["mask"])) for one in batches(folder)]

    def encode():
        with torch.inference_mode():
            states = (model(ids, attention_mask=mask).last_hidden_state for ids, mask in inputs)
            return [rows[:, 0].numpy() for rows in states]

    return encode


def onnx_encoder(name, folder):
    import numpy
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    file = folder / f"{name.split('-')[1]}.onnx"
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    kind = {"tensor(int64)": "int64", "tensor(int32)": "int32"}[session.get_inputs()[0].type]
    table = lambda rows: numpy.array(rows, kind)
    inputs = [{"input_ids": table(one["ids"]), "attention_mask": table(one["mask"])} for one in batches(folder)]
    return lambda: [session.run(None, one)[0][:, 0] for one in inputs]


if __name__ == "__main__":
    main()
