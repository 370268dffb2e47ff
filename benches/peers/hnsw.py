"""Graphs of ragdex beside FAISS HNSWFlat (M 32, efConstruction 200), one thread, processor seconds.

    cargo build --release -p ragdex-index --example hnsw
    OMP_NUM_THREADS=1 python benches/peers/hnsw.py EXAMPLE FOLDER [--rows 50000] [--dim 768] [--questions 500]
        [--vectors PASSAGES.npy QUESTIONS.npy] [--repeats 3] [--expansions 64 96 …]

Needs numpy and faiss-cpu. The two alternate; medians are printed. Recall is against an exact scan.
"""

import argparse
import json
import statistics
import subprocess
import time
from pathlib import Path

import faiss
import numpy as np

KS = (5, 20, 100)


def ours(example, *arguments):
    result = subprocess.run([example, *map(str, arguments)], check=True, capture_output=True, text=True)
    return json.loads(result.stdout or "{}")


def recall(found, truth, k):
    rows = zip(found[:, :k], truth[:, :k])
    return sum(len(set(a.tolist()) & set(b.tolist())) for a, b in rows) / truth[:, :k].size


def read_ids(path, n):
    return np.fromfile(path, dtype=np.uint64).astype(np.int64).reshape(n, -1)


def exact(passages, questions, k=100):
    flat = faiss.IndexFlatIP(passages.shape[1])
    flat.add(passages)
    return flat.search(questions, k)[1]


def search_faiss(index, questions, expansion, k):
    index.hnsw.efSearch = expansion
    started = time.process_time()
    found = np.vstack([index.search(questions[i : i + 1], k)[1] for i in range(len(questions))])
    return found, len(questions) / (time.process_time() - started)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("example")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=50000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--questions", type=int, default=500)
    parser.add_argument("--vectors", nargs=2)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--expansions", nargs="+", type=int, default=(64, 96, 128, 192, 256, 384, 512))
    parser.add_argument("--skip-faiss", action="store_true")
    parser.add_argument("--replace", action="store_true")
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    args.folder.mkdir(parents=True, exist_ok=True)
    if args.vectors:
        for name, path in zip(("passages", "questions"), args.vectors):
            np.load(path).astype(np.float32).tofile(args.folder / f"{name}.f32")
            args.dim = np.load(path, mmap_mode="r").shape[1]
    else:
        ours(args.example, "generate", args.dim, args.rows, args.questions, args.folder)
    dim = args.dim
    passages = np.fromfile(args.folder / "passages.f32", dtype=np.float32).reshape(-1, dim)
    questions = np.fromfile(args.folder / "questions.f32", dtype=np.float32).reshape(-1, dim)
    truth = exact(passages, questions)
    print(f"{len(passages)} x {dim}, {len(questions)} questions")
    print("ours, build:", ours(args.example, "build", dim, args.folder), flush=True)
    if not args.skip_faiss:
        index = faiss.IndexHNSWFlat(dim, 32, faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = 200
        started = time.process_time()
        index.add(passages)
        seconds = time.process_time() - started
        size = faiss.serialize_index(index).nbytes / len(passages)
        print(f"faiss, build: {len(passages) / seconds:.1f} inserts/s, {size:.1f} bytes/row", flush=True)
    for expansion in args.expansions:
        for k in (20, 100):
            speeds, peers = [], []
            for _ in range(args.repeats):
                told = ours(args.example, "search", dim, args.folder, expansion, k)
                speeds.append(told["queries_per_second"])
                if not args.skip_faiss:
                    peer, speed = search_faiss(index, questions, expansion, k)
                    peers.append(speed)
            found = read_ids(args.folder / "found.u64", len(questions))
            at = {n: round(recall(found, truth, n), 4) for n in KS if n <= k}
            line = f"ef {expansion:4} k {k:3}: ours {statistics.median(speeds):7.1f}/s {at}"
            if peers:
                at = {n: round(recall(peer, truth, n), 4) for n in KS if n <= k}
                line += f"   faiss {statistics.median(peers):7.1f}/s {at}"
            print(line, {n: told[n] for n in told if n.startswith("open")}, flush=True)
    if args.replace:
        ours(args.example, "replace", dim, args.folder, 256, 20)
        replaced = np.fromfile(args.folder / "replaced.f32", dtype=np.float32).reshape(-1, dim)
        truth = exact(replaced, questions, 20)
        for name in ("refreshed", "fresh"):
            found = read_ids(args.folder / f"{name}.u64", len(questions))
            print(f"half replaced, {name}: recall@20 {recall(found, truth, 20):.4f}")


if __name__ == "__main__":
    main()
