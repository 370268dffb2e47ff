#!/usr/bin/env python3
"""Holds the program against a folder of RAG fixtures, of any seed and size.

    python tests/data/golden/make_rag_golden.py --out OTHER --spec SPEC.json
    python benches/peers/fixtures.py OTHER

Every stored run of generation is repeated by `ragdex answer --passages`, all questions in one batch and one by one:
token ids must be equal, scores within 1e-4 (of their size above 1), and posteriors of RAG-Sequence within 1e-5 of what the stored likelihoods
say. Losses and log-probabilities inside the library are held against the same folder by
`RAGDEX_RAG_GOLDEN=OTHER cargo test --release -p ragdex-rag --test reference -- generate texts losses`.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def read(folder, name):
    return json.loads((folder / name).read_text(encoding="utf-8"))


def given(folder, n_docs):
    passages, found = read(folder, "passages.json"), read(folder, "expected/retrieval.json")[f"n_docs_{n_docs}"]
    lines = []
    for question, ids, scores in zip(read(folder, "questions.json"), found["doc_ids"], found["doc_scores"]):
        own = [{"title": passages[i]["title"], "text": passages[i]["text"], "score": s} for i, s in zip(ids, scores)]
        lines.append(json.dumps({"question": question["question"], "passages": own}))
    return "\n".join(lines)


def answers(args, kind, n_docs, settings, batch):
    options = []
    for name, value in settings.items():
        value = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
        options.append(f"--{name.replace('_', '-')}={value}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "given.jsonl"
        path.write_text(given(args.folder, n_docs), encoding="utf-8")
        command = [args.ragdex, "answer", "--json", "--progress", "none", "--passages", path, "--model", kind,
                   "--generator", args.folder / kind, "--batch", str(batch), *options]
        done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE, check=True, text=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def check(problems, name, found, expected):
    if found != expected:
        problems.append(f"{name}: {expected} expected, found {found}")


def distance(a, b):
    """Relative above 1: a negative length penalty multiplies log-probabilities, and their rounding."""
    return abs(a - b) / max(1.0, abs(b))


def posterior(answer, thorough):
    likelihoods = thorough["per_doc_log_likelihood"][thorough["ranking"][0]]
    joint = [math.exp(ll) * p["prior"] for ll, p in zip(likelihoods, answer["passages"])]
    expected = [x / sum(joint) for x in joint]
    return max(abs(p["posterior"] - x) for p, x in zip(answer["passages"], expected))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ragdex", default=str(ROOT / "target/release/ragdex"))
    args = parser.parse_args()
    problems, sequences, score, spread = [], 0, 0.0, 0.0
    for kind, file in [("rag-token", "rag_token_generate"), ("rag-sequence", "rag_sequence_generate")]:
        for run in read(args.folder, f"expected/{file}.json"):
            settings = dict(run["generate_kwargs"])
            n_docs = run.get("n_docs", settings.pop("n_docs", 5))
            for batch in (1, 100):
                found = answers(args, kind, n_docs, settings, batch)
                tokens = [[c["tokens"] for c in answer["candidates"]] for answer in found]
                check(problems, f"{kind} {run['name']} n_docs {n_docs} batch {batch}", tokens, run["sequences"])
                sequences += sum(map(len, tokens))
                for i, answer in enumerate(found):
                    scores = [c["score"] for c in answer["candidates"]]
                    if "sequence_scores" in run:
                        score = max(score, *(distance(a, b) for a, b in zip(scores, run["sequence_scores"][i])))
                    if "thorough" in run:
                        thorough = run["thorough"][i]
                        nll = [thorough["candidate_nll"][place] for place in thorough["ranking"]]
                        score = max(score, *(distance(a, -b) for a, b in zip(scores, nll)))
                        spread = max(spread, posterior(answer, thorough))
    print(f"{args.folder}: {sequences} sequences, {len(problems)} runs differ; scores within {score:.1e}, "
          f"posteriors within {spread:.1e}")
    print("\n".join(problems))
    sys.exit(1 if problems or score > 1e-4 or spread > 1e-5 else 0)


if __name__ == "__main__":
    main()
