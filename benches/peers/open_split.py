#!/usr/bin/env python3
"""Opens what `ragdex split` writes with the tools that people have.

    ragdex split SAMPLE.xml.bz2 -o out
    python benches/peers/open_split.py out

Needs duckdb, polars and datasets from PyPI; prints what each of them counts and fails when two differ.
"""

import sys
import tempfile

import datasets
import duckdb
import polars


def main(folder):
    passages, documents = f"{folder}/passages/*.parquet", f"{folder}/documents/*.parquet"
    rows, keys = duckdb.sql(f"select count(*), count(distinct document) from '{passages}'").fetchall()[0]
    joined = duckdb.sql(
        f"select count(*) from '{passages}' p join '{documents}' d on p.document = d.key"
        " where p.id between d.first_passage and d.first_passage + d.passages - 1"
    ).fetchall()[0][0]
    print(f"duckdb {duckdb.__version__}: {rows} passages of {keys} documents, {joined} joined")
    frame = polars.read_parquet(passages)
    print(f"polars {polars.__version__}: {frame.shape}")
    with tempfile.TemporaryDirectory() as cache:
        table = datasets.load_dataset(
            "parquet", data_files=passages, split="train", cache_dir=cache
        )
        print(f"datasets {datasets.__version__}: {table.num_rows} rows, {table.column_names}")
        assert table[rows // 2]["text"] == frame["text"][rows // 2]
    assert rows == joined == frame.height == table.num_rows


if __name__ == "__main__":
    main(sys.argv[1])
