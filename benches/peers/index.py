"""Times the exact index beside FAISS's flat index: same vectors, one thread each, processor time, in turns.

    cargo build --release -p ragdex-index --example exact
    target/release/examples/exact make DIR 300000 768
    RAYON_NUM_THREADS=1 python benches/peers/index.py target/release/examples/exact DIR

Needs numpy and faiss-cpu. Prints the median of each and their ratio. FAISS is taken at its better setting:
its default, and with BLAS for every batch. `--threads 2` gives both two threads and takes wall time,
which says something on an idle machine only.
"""

import argparse
import os
import statistics
import subprocess
import time

BATCHES = {1: 5, 32: 3, 1000: 1}  # Batch size: searches a round.


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("program", help="the built example `exact`")
    parser.add_argument("folder", help="what `exact make` filled, f32")
    parser.add_argument("-k", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batches", type=int, nargs="+", default=list(BATCHES), choices=list(BATCHES))
    return parser.parse_args()


def main():
    args = arguments()
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(args.threads)
    import faiss
    import numpy

    rows, dim, element = open(f"{args.folder}/shape").read().split()
    assert element == "f32", "FAISS's flat index takes f32"
    vectors = numpy.fromfile(f"{args.folder}/vectors", dtype="<f4").reshape(int(rows), int(dim))
    questions = numpy.fromfile(f"{args.folder}/questions", dtype="<f4").reshape(-1, int(dim))
    index = faiss.IndexFlatIP(int(dim))
    index.add(vectors)
    del vectors
    faiss.omp_set_num_threads(args.threads)
    clock = time.process_time if args.threads == 1 else time.perf_counter
    default = faiss.cvar.distance_compute_blas_threshold

    def peer(batch, threshold, repeats):
        faiss.cvar.distance_compute_blas_threshold = threshold
        spent = []
        for repeat in range(repeats):
            start = repeat * batch % (len(questions) - batch)
            began = clock()
            index.search(questions[start : start + batch], args.k)
            spent.append((clock() - began) * 1e3)
        return spent

    def ours(batch, *plain):
        command = [args.program, "time", args.folder, str(batch), str(args.k), *plain]
        environment = dict(os.environ, RAYON_NUM_THREADS=str(args.threads))
        lines = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        column = 0 if args.threads == 1 else 1
        return [float(line.split()[column]) for line in lines.stdout.splitlines()]

    print(f"{rows} x {dim}, k = {args.k}, {args.threads} thread(s), FAISS {faiss.__version__}; ms a batch")
    for batch in args.batches:
        repeats = BATCHES[batch]
        found = {"scan copy": [], "no copy": [], "FAISS": [], "FAISS, BLAS": []}
        for _ in range(args.rounds):
            found["scan copy"] += ours(batch)
            found["FAISS"] += peer(batch, default, repeats)
            found["no copy"] += ours(batch, "plain") if batch <= 32 else []
            found["FAISS, BLAS"] += peer(batch, 1, repeats)
        medians = {name: statistics.median(spent) for name, spent in found.items() if spent}
        best = min(medians["FAISS"], medians["FAISS, BLAS"])
        told = ", ".join(f"{name} {median:.1f}" for name, median in medians.items())
        print(f"batch {batch}: {told}; ratio {medians['scan copy'] / best:.3f}", flush=True)


if __name__ == "__main__":
    main()
