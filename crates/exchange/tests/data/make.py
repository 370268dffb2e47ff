"""Writes the files of this folder: `python make.py`, with numpy 2, faiss-cpu 1.15 and pyarrow 25.

Every vector file holds the same five vectors of four numbers, exact in half precision, so that one test reads them
all; `hnsw.faiss` holds sixty of eight. Data invented here; no licence is needed.
"""

import pickle
from pathlib import Path

import faiss
import numpy as np

here = Path(__file__).parent
vectors = (np.arange(20, dtype=np.float32).reshape(5, 4) - 7) / 4

np.save(here / "f4.npy", vectors)
np.save(here / "f2.npy", vectors.astype(np.float16))
np.save(here / "f8.npy", vectors.astype(np.float64))
np.save(here / "fortran.npy", np.asfortranarray(vectors))
np.save(here / "big-endian.npy", vectors.astype(">f4"))
np.save(here / "integers.npy", vectors.astype(np.int32))
np.save(here / "vector.npy", vectors[0])
np.save(here / "objects.npy", np.array([None], dtype=object))
np.save(here / "nan.npy", np.where(vectors == 0.5, np.nan, vectors))
with open(here / "version-2.npy", "wb") as out:
    np.lib.format.write_array(out, vectors, version=(2, 0))

rows = [(f"wiki:{n + 1}", vector.copy()) for n, vector in enumerate(vectors)]
for protocol in (3, 4, 5):
    (here / f"shard-{protocol}.pickle").write_bytes(pickle.dumps(rows, protocol))
half = [(id, vector.astype(np.float16)) for id, vector in rows]
(here / "shard-half.pickle").write_bytes(pickle.dumps(half, 4))
twice = rows[:4] + [("wiki:2", vectors[4].copy())]
(here / "shard-twice.pickle").write_bytes(pickle.dumps(twice, 4))
ragged = rows[:2] + [("wiki:3", vectors[2, :3].copy())] + rows[3:]
(here / "shard-ragged.pickle").write_bytes(pickle.dumps(ragged, 4))
backwards = rows[:1] + [("wiki:2", vectors[1].astype(">f4"))]
(here / "shard-big-endian.pickle").write_bytes(pickle.dumps(backwards, 4))


class Evil:
    def __reduce__(self):
        return (print, ("executed",))


(here / "shard-code.pickle").write_bytes(pickle.dumps([("wiki:1", Evil())], 4))

flat = faiss.IndexFlatIP(4)
flat.add(vectors)
faiss.write_index(flat, str(here / "flat.faiss"))
l2 = faiss.IndexFlatL2(4)
l2.add(vectors)
faiss.write_index(l2, str(here / "flat-l2.faiss"))
for name, kind in (("map", faiss.IndexIDMap), ("map2", faiss.IndexIDMap2)):
    for suffix, ids in (("", [11, 7, 30, 2, 5]), ("-twice", [11, 7, 30, 7, 5]), ("-none", [11, 7, -1, 2, 5])):
        if name == "map2" and suffix:
            continue
        index = kind(faiss.IndexFlatIP(4))
        index.add_with_ids(vectors, np.array(ids, dtype=np.int64))
        faiss.write_index(index, str(here / f"{name}{suffix}.faiss"))
quantised = faiss.IndexScalarQuantizer(4, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
quantised.train(vectors)
quantised.add(vectors)
faiss.write_index(quantised, str(here / "sq8.faiss"))

generator = np.random.default_rng(3)
many = generator.standard_normal((60, 8)).astype(np.float32)
faiss.omp_set_num_threads(1)
graph = faiss.IndexHNSWFlat(8, 4, faiss.METRIC_INNER_PRODUCT)
graph.hnsw.efConstruction = 30
graph.hnsw.efSearch = 20
graph.add(many)
faiss.write_index(graph, str(here / "hnsw.faiss"))
empty = faiss.IndexHNSWFlat(8, 4, faiss.METRIC_INNER_PRODUCT)
faiss.write_index(empty, str(here / "hnsw-empty.faiss"))
