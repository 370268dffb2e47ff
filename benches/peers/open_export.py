#!/usr/bin/env python3
"""Opens what `ragdex export` writes with the software it is for, and holds their results against ragdex's own.

    python benches/peers/open_export.py target/release/ragdex KB

Needs numpy, faiss-cpu, transformers==4.57.6, datasets<5 and pyarrow from PyPI. Exports the knowledge base into a temporary
folder in every form, asks 200 questions (stored vectors, disturbed) of ragdex and of each program, and fails when
a result differs.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import datasets
import faiss
import numpy as np
import transformers
from transformers import BartTokenizer, RagConfig, RagRetriever  # noqa: F401
from transformers.models.rag.retrieval_rag import CustomHFIndex

K = 5
QUESTIONS = 200


def ragdex(program, *arguments):
    output = subprocess.run([program, *arguments, "-q"], check=True, capture_output=True, text=True).stdout
    return [json.loads(line) for line in output.splitlines()] if "--json" in arguments else output


def main(program, kb):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for form in ("hf-dataset", "parquet", "jsonl", "psgs-tsv", "faiss-flat", "faiss-hnsw"):
            ragdex(program, "export", kb, "-o", str(folder / form), "--to", form)
        compare(program, kb, folder)


def compare(program, kb, folder):
    stored = datasets.load_from_disk(str(folder / "hf-dataset"))
    vectors = np.array(stored.with_format("numpy")["embeddings"], dtype=np.float32)
    ids = np.load(folder / "faiss-flat" / "ids.npy")
    assert [str(id) for id in ids] == stored["id"]
    print(f"datasets {datasets.__version__}: load_from_disk, {len(stored)} rows")

    generator = np.random.default_rng(1)
    asked = vectors[generator.integers(len(vectors), size=QUESTIONS)]
    asked = asked + generator.standard_normal(asked.shape).astype(np.float32) * asked.std() * 0.5
    np.save(folder / "questions.npy", asked.astype(np.float32))
    found = ragdex(program, "search", kb, "--vectors", str(folder / "questions.npy"), "-k", str(K), "--json")
    ours = np.array([[passage["id"] for passage in line["passages"]] for line in found])
    scores = np.array([[passage["score"] for passage in line["passages"]] for line in found])

    flat = faiss.read_index(str(folder / "faiss-flat" / "index.faiss"))
    theirs, labels = flat.search(asked, K)
    same = (ids[labels] == ours).all(axis=1) | np.isclose(theirs, scores, rtol=1e-5).all(axis=1)
    assert same.all() and np.allclose(theirs, scores, rtol=1e-5), "flat index"
    print(f"faiss {faiss.__version__}: read_index of the flat index, ids of {(ids[labels] == ours).all(axis=1).mean():.1%} of the "
          f"questions equal, scores within {np.abs(theirs / scores - 1).max():.1e}")

    graph = faiss.read_index(str(folder / "faiss-hnsw" / "index.faiss"))
    approximate = np.array(
        [[p["id"] for p in line["passages"]] for line in
         ragdex(program, "search", kb, "--vectors", str(folder / "questions.npy"), "-k", "20", "--json")])
    _, labels20 = graph.search(asked, 20)
    recall = np.mean([len(set(ids[a]) & set(b)) / len(b) for a, b in zip(labels20, approximate)])
    print(f"faiss: read_index of the graph, recall@20 {recall:.4f} at efSearch {faiss.downcast_index(graph).hnsw.efSearch}")

    index = CustomHFIndex.load_from_disk(
        vector_size=vectors.shape[1],
        dataset_path=str(folder / "hf-dataset"),
        index_path=str(folder / "faiss-flat" / "index.faiss"),
    )
    index.init_index()
    rows, _ = index.get_top_docs(asked, n_docs=K)
    retrieved = np.array([[int(id) for id in documents["id"]] for documents in index.get_doc_dicts(rows)])
    assert ((retrieved == ours) | np.isclose(theirs, scores, rtol=1e-5)).all(), "RagRetriever"
    print(f"transformers {transformers.__version__}: RagRetriever's custom index gives the same passages")

    table = datasets.load_dataset("parquet", data_dir=str(folder / "parquet" / "data"), split="train",
                                  cache_dir=str(folder / "cache"))
    assert table["id"] == ids.tolist()
    assert np.array_equal(np.array(table.with_format("numpy")["embeddings"], dtype=np.float32), vectors)
    print(f"datasets: load_dataset of the Parquet files, {table.column_names}")

    lines = (folder / "jsonl" / "passages.jsonl").read_text().splitlines()
    assert [json.loads(line)["text"] for line in lines] == stored["text"]
    rows = (folder / "psgs-tsv" / "passages.tsv").read_text().splitlines()
    assert len(rows) == len(ids) + 1
    print("json, csv: as many rows, the same text")


if __name__ == "__main__":
    main(*sys.argv[1:3])
