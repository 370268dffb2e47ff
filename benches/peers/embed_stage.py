"""The stage of embedding against the encoder by itself, and its memory.

    python benches/peers/embed_stage.py speed RAGDEX THROUGHPUT MODEL PASSAGES.jsonl [ROUNDS]
    python benches/peers/embed_stage.py memory RAGDEX [MODEL]

RAGDEX is the program, THROUGHPUT the example of that name of `ragdex-models`, MODEL a folder. A line of the
file is a passage, `{"title": …, "text": …}`. `speed` runs both in turns on one thread and prints medians of
CPU seconds; what loading and checking takes is measured by a run that has nothing to do, and taken off.
`memory` embeds 20,000 and 200,000 passages of a few words and prints the largest resident set of each.
"""

import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def cpu(command):
    """CPU seconds of a command, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, printed


def split(ragdex, source, folder):
    options = ["--format", "jsonl", "--splitter", "whole"]
    subprocess.run([ragdex, "split", source, "-o", folder, "-q", *options], check=True, capture_output=True)


def embed(ragdex, folder, encoder, *options):
    named = ["--context-encoder", encoder] if encoder else []
    seconds, printed = cpu([ragdex, "embed", folder, "--json", "-q", *named, *options])
    return seconds, json.loads(printed)


def speed(ragdex, throughput, model, passages, rounds=5):
    encoder = model if (Path(model) / "modules.json").exists() else None
    stage, bare = [], []
    with tempfile.TemporaryDirectory() as place:
        folder = f"{place}/split"
        split(ragdex, passages, folder)
        for _ in range(int(rounds)):
            _, printed = cpu([throughput, model, passages])
            bare.append(json.loads(printed))
            whole, report = embed(ragdex, folder, encoder, "--threads", "1", "--restart")
            idle, _ = embed(ragdex, folder, encoder, "--threads", "1")
            assert report["tokens"] == bare[-1]["tokens"], "the same passages"
            stage.append(whole - idle)
    encode = statistics.median(run["encode"] for run in bare)
    tokenise = statistics.median(run["tokenise"] for run in bare)
    whole = statistics.median(stage)
    tokens, passages = bare[0]["tokens"], bare[0]["passages"]
    print(f"{passages} passages, {tokens} tokens, medians of {rounds}, CPU seconds of one thread")
    print(f"encoder alone {encode:.2f} ({passages / encode:.1f}/s), tokenising {tokenise:.2f}")
    print(f"stage {whole:.2f} ({passages / whole:.1f}/s), lowest and highest {min(stage):.2f}, {max(stage):.2f}")
    print(f"stage : encoder = {encode / whole:.3f}")


def memory(ragdex, model=None):
    with tempfile.TemporaryDirectory() as place:
        for count in (20_000, 200_000):
            source, folder = f"{place}/rows.jsonl", f"{place}/split"
            with open(source, "w") as rows:
                for n in range(count):
                    rows.write(json.dumps({"key": f"k{n}", "title": "", "text": f"stork {n % 977}"}) + "\n")
            split(ragdex, source, folder)
            seconds, report = embed(ragdex, folder, model, "--precision", "int8")
            peak = report["peak_memory_bytes"] / 1e6
            print(f"{count} passages: {peak:.1f} MB at most, {seconds:.0f} CPU seconds", flush=True)
            shutil.rmtree(folder)


if __name__ == "__main__":
    {"speed": speed, "memory": memory}[sys.argv[1]](*sys.argv[2:])
