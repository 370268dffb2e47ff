#!/usr/bin/env python3
"""Answers of ragdex beside those of transformers, on a RAG checkpoint of the published size.

    python benches/peers/answers.py checkpoint DIR            # random BART-large and BERT-base, 2 GB
    python benches/peers/answers.py questions DIR SOURCE      # DIR/questions.jsonl from passages of SOURCE
    python benches/peers/answers.py tokens DIR                # the same tokens from both, question by question
    python benches/peers/answers.py speed DIR                 # CPU seconds of one thread, in turns
    python benches/peers/answers.py speed DIR --threads 2 --wall

Needs torch and transformers 4.57.6. `ragdex` is taken from target/release unless `--ragdex` names it. SOURCE is
JSON lines with `title` and `text`. Contexts are padded to the longest of their question; `--pad 300` pads as the
reference's retriever does, to `max_combined_length`.

A random BART repeats its input: output and input embedding are one matrix. Half of the signs of the last normalisation
are therefore turned, which makes the next token a random function of the state, and the bias of the end token is
raised. Queries and keys are large and what a layer adds is small, so that a state depends on the last tokens and their
order. Otherwise all states grow alike, beams are permutations of each other whose scores differ by less than either
program rounds, and which of them wins says nothing.
"""

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KINDS = ["rag-token", "rag-sequence"]


def checkpoint(folder, seed=11, tiny=False):
    import numpy as np
    import torch
    from transformers import BartConfig, BartForConditionalGeneration, DPRConfig, DPRQuestionEncoder
    from transformers import RagConfig, RagTokenForGeneration

    small = dict(d_model=64, encoder_layers=2, decoder_layers=2, encoder_ffn_dim=128, decoder_ffn_dim=128,
                 encoder_attention_heads=4, decoder_attention_heads=4) if tiny else {}
    bart = BartConfig(**small, num_beams=4, max_length=32, min_length=20, no_repeat_ngram_size=3, early_stopping=False)
    dpr = DPRConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128) if tiny else DPRConfig()
    rng = np.random.default_rng(seed)
    generator, question_encoder = BartForConditionalGeneration(bart), DPRQuestionEncoder(dpr)
    with torch.no_grad():
        for model in (generator, question_encoder):
            fill(model, rng)
        last = generator.model.decoder.layers[-1].final_layer_norm.weight
        last.mul_(torch.from_numpy(rng.choice([-1.0, 1.0], last.shape).astype("float32")))
        generator.final_logits_bias[0, 2] = 8.0
    config = RagConfig.from_question_encoder_generator_configs(question_encoder.config, generator.config, n_docs=5)
    rag = RagTokenForGeneration(config, question_encoder=question_encoder, generator=generator)
    rag.save_pretrained(folder)
    tokenizers = ROOT / "tests/data/golden/rag/rag-token"
    for name in ["question_encoder_tokenizer", "generator_tokenizer"]:
        shutil.copytree(tokenizers / name, Path(folder) / name, dirs_exist_ok=True)


def fill(model, rng):
    import torch

    seen = set()
    for name, tensor in model.state_dict().items():
        if not torch.is_floating_point(tensor) or tensor.data_ptr() in seen:
            continue
        seen.add(tensor.data_ptr())
        shape = tuple(tensor.shape)
        values = rng.standard_normal(shape, dtype="float32")
        if "norm" in name.lower():
            values = 0.15 * values + (1.0 if name.endswith("weight") else 0.0)
        elif name.endswith("bias"):
            values *= 0.1
        elif "embed" in name or "shared" in name or "lm_head" in name:
            values *= 0.1
        elif "q_proj" in name or "k_proj" in name:
            values *= 2.5 / shape[-1] ** 0.5
        elif "out_proj" in name or "fc2" in name:
            values *= 0.5 / shape[-1] ** 0.5
        else:
            values *= 1.2 / shape[-1] ** 0.5
        tensor.copy_(torch.from_numpy(values))


def questions(folder, source, n=20, n_docs=5, characters=400):
    rows = [json.loads(line) for line in open(source, encoding="utf-8")]
    rows = [row for row in rows if len(row["text"]) >= characters]
    step = max(1, len(rows) // (n * n_docs))
    picked = rows[::step][: n * n_docs]
    with open(Path(folder) / "questions.jsonl", "w", encoding="utf-8") as out:
        for i in range(n):
            own = picked[i * n_docs : (i + 1) * n_docs]
            passages = [{"title": row["title"], "text": row["text"][:characters].rsplit(" ", 1)[0],
                         "score": 70.0 - 0.4 * rank - 0.01 * i} for rank, row in enumerate(own)]
            words = own[0]["text"].split()
            question = f"what is said of {own[0]['title']} and {' '.join(words[3:8])}?"
            out.write(json.dumps({"question": question, "passages": passages}) + "\n")


def read_questions(folder, first, count):
    lines = open(Path(folder) / "questions.jsonl", encoding="utf-8").read().splitlines()
    return [json.loads(line) for line in lines[first : first + count]]


def contexts(queries, config, question_tokenizer, tokenizer, pad):
    texts = []
    for query in queries:
        ids = question_tokenizer(query["question"], truncation=True).input_ids
        question = question_tokenizer.decode(ids, skip_special_tokens=True)
        for passage in query["passages"]:
            title = passage["title"].removeprefix('"').removesuffix('"')
            text = title + config.title_sep + passage["text"] + config.doc_sep + question
            texts.append(text.replace("  ", " "))
    padding = {"padding": "max_length", "max_length": pad} if pad else {"padding": True, "max_length": 300}
    return tokenizer(texts, truncation=True, return_tensors="pt", **padding)


def reference(args):
    """Runs in a process of its own; prints an object."""
    import torch
    from transformers import AutoTokenizer, RagConfig, RagSequenceForGeneration, RagTokenForGeneration

    torch.set_num_threads(args.threads)
    torch.set_grad_enabled(False)
    config = RagConfig.from_pretrained(args.folder)
    model = {"rag-token": RagTokenForGeneration, "rag-sequence": RagSequenceForGeneration}[args.kind]
    model = model.from_pretrained(args.folder, config=config).eval()
    model = model.double() if args.double else model
    load = lambda name: AutoTokenizer.from_pretrained(Path(args.folder) / name)
    names = [load("question_encoder_tokenizer"), load("generator_tokenizer")]
    queries = read_questions(args.folder, args.first, args.count)
    found, cpu, wall = [], [], []
    for start in range(0, len(queries), args.batch):
        batch = queries[start : start + args.batch]
        encoded = contexts(batch, config, *names, args.pad)
        scores = torch.tensor([[p["score"] for p in q["passages"]] for q in batch],
                              dtype=torch.float64 if args.double else torch.float32)
        before, began = time.process_time(), time.perf_counter()
        rows = model.generate(context_input_ids=encoded.input_ids, context_attention_mask=encoded.attention_mask,
                              doc_scores=scores, num_beams=args.beams, max_length=args.max_length,
                              min_length=args.min_length, num_return_sequences=1, n_docs=config.n_docs)
        cpu.append(time.process_time() - before)
        wall.append(time.perf_counter() - began)
        found += [trimmed(row) for row in rows.tolist()]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"tokens": found, "cpu": cpu, "wall": wall, "peak_mb": peak // 1000}))


def trimmed(row):
    """Cuts after the first end token behind the start."""
    for place in range(1, len(row)):
        if row[place] == 2:
            return row[: place + 1]
    return row


def run_reference(args, kind, first, count, more=()):
    options = ["--first", first, "--count", count, "--kind", kind, "--threads", args.threads, "--batch", args.batch,
               "--beams", args.beams, "--max-length", args.max_length, "--min-length", args.min_length, "--pad", args.pad]
    command = [sys.executable, __file__, "reference", args.folder, *map(str, options), *more]
    environment = dict(os.environ, OMP_NUM_THREADS=str(args.threads), MKL_NUM_THREADS=str(args.threads))
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_ours(args, kind, first, count, more=()):
    chosen = Path(args.folder) / f"chosen-{os.getpid()}.jsonl"
    chosen.write_text("".join(json.dumps(q) + "\n" for q in read_questions(args.folder, first, count)))
    options = ["--passages", chosen, "--generator", args.folder, "--model", kind, "--num-beams", args.beams, "--batch",
               args.batch, "--max-length", args.max_length, "--min-length", args.min_length, "--threads", args.threads]
    options += ["--generator-precision", args.precision] if args.precision else []
    options += more
    command = [args.ragdex, "answer", "--json", "--progress", "none", *map(str, options)]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    chosen.unlink()
    if status:
        sys.exit(f"{' '.join(command)}: status {status}")
    answers = [json.loads(line) for line in lines]
    return {"tokens": [a["candidates"][0]["tokens"] for a in answers], "candidates": [a["candidates"] for a in answers],
            "cpu": usage.ru_utime + usage.ru_stime,
            "wall": time.perf_counter() - began, "generate": [a["milliseconds"]["generate"] / 1e3 for a in answers],
            "peak_mb": usage.ru_maxrss // 1000}


def tokens(args):
    """Compares the best sequences; fails when one differs."""
    different = 0
    for kind in args.kinds:
        theirs = run_reference(args, kind, args.first, args.count)
        ours = run_ours(args, kind, args.first, args.count)
        same = 0
        for i, (a, b) in enumerate(zip(theirs["tokens"], ours["tokens"])):
            same += a == b
            if a != b:
                tell_apart(args, kind, args.first + i, a)
        lengths = [len(row) for row in theirs["tokens"]]
        distinct = len({tuple(row) for row in theirs["tokens"]})
        print(f"{kind}: {same} of {len(lengths)} the same; {distinct} distinct, lengths {min(lengths)} to {max(lengths)}; "
              f"CPU {sum(theirs['cpu']):.1f} s in generate against {ours['cpu']:.1f} s in all", flush=True)
        different += len(lengths) - same
    sys.exit(1 if different else 0)


def tell_apart(args, kind, question, theirs):
    """Says how far below our best answer theirs is among ours, and what transformers answers in double precision:
    near ties are decided by rounding."""
    found = run_ours(args, kind, question, 1, ["--num-return-sequences", args.beams])["candidates"][0]
    place = next((i for i, c in enumerate(found) if c["tokens"] == theirs), None)
    told = "is not among ours" if place is None else (
        f"is our number {place + 1}, {found[0]['score'] - found[place]['score']:.1e} below a score of {found[0]['score']:.4f}")
    exact = run_reference(args, kind, question, 1, ["--double"])["tokens"][0]
    place = next((i for i, c in enumerate(found) if c["tokens"] == exact), None)
    decided = "theirs" if exact == theirs else "neither" if place is None else f"our number {place + 1}"
    print(f"{kind}, question {question}: the answer of transformers {told}; in double precision it gives {decided}", flush=True)


def speed(args):
    """Rounds in turns. Ours without loading: the time of all questions less that of a run of one batch."""
    clock = "wall" if args.wall else "cpu"
    for kind in args.kinds:
        theirs, ours, peaks = [], [], [0, 0]
        for _ in range(args.rounds):
            one = run_ours(args, kind, args.first, args.batch)
            all_ = run_ours(args, kind, args.first, args.batch + args.count)
            their = run_reference(args, kind, args.first + args.batch, args.count)
            produced = sum(len(row) - 1 for row in their["tokens"])
            seconds = sum(all_["generate"][args.batch:]) if args.wall else all_["cpu"] - one["cpu"]
            ours.append(seconds)
            theirs.append(sum(their[clock]))
            peaks = [max(peaks[0], all_["peak_mb"]), max(peaks[1], their["peak_mb"])]
            assert all_["tokens"][args.batch:] == their["tokens"] or args.precision, "other tokens"
        a, b = statistics.median(ours), statistics.median(theirs)
        print(f"{kind}, batch {args.batch}, {args.count} questions, {produced} tokens, {args.precision or 'f32'}, {clock}: "
              f"ours {a:.2f} s ({produced / a:.1f} tokens/s, {peaks[0]} MB), transformers {b:.2f} s "
              f"({produced / b:.1f} tokens/s, {peaks[1]} MB), {b / a:.2f} times; rounds "
              f"{[round(x, 2) for x in ours]} {[round(x, 2) for x in theirs]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["checkpoint", "questions", "reference", "tokens", "speed"])
    parser.add_argument("folder")
    parser.add_argument("source", nargs="?")
    parser.add_argument("--tiny", action="store_true", help="a small model, to try the script")
    parser.add_argument("--characters", type=int, default=400, help="of a passage, about a third as many tokens")
    parser.add_argument("--kind", choices=KINDS)
    parser.add_argument("--kinds", nargs="*", default=KINDS)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--beams", type=int, default=4)
    parser.add_argument("--max-length", type=int, default=32)
    parser.add_argument("--min-length", type=int, default=20)
    parser.add_argument("--pad", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wall", action="store_true")
    parser.add_argument("--double", action="store_true", help="of the reference: in double precision")
    parser.add_argument("--precision", default="")
    parser.add_argument("--ragdex", default=str(ROOT / "target/release/ragdex"))
    args = parser.parse_args()
    if args.what == "checkpoint":
        checkpoint(args.folder, tiny=args.tiny)
    elif args.what == "questions":
        questions(args.folder, args.source, characters=args.characters)
    else:
        {"reference": reference, "tokens": tokens, "speed": speed}[args.what](args)


if __name__ == "__main__":
    main()
