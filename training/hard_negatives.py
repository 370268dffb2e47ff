"""Training questions together with the wrong passages the retriever finds for them.

    python hard_negatives.py --encoder ENCODER --data data/new-wiki.jsonl.gz data/qed.jsonl.gz --out OUT.jsonl [--k 8]

All passages of the training splits are cut as an index cuts them. Each question keeps those of its --k best that do
not hold any of its answers: "n", a list of [title, passage]. Held-out articles are not read.
"""
import argparse
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import DPRContextEncoder, DPRQuestionEncoder

from eval_rag import chunks, embed
from metrics import normal
from records import read
from train_generator import bf16_pays


@torch.no_grad()
def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--encoder", type=Path, required=True, help="folder with ctx_encoder and question_encoder")
    ap.add_argument("--data", type=Path, nargs="+", required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--k", type=int, default=8)
    ap.add_argument("--threads", type=int, default=1)
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    recs = list(read(ar.data, "train"))
    passages = dict.fromkeys((r["t"], c) for r in recs for c, _, _ in chunks(r["p"]))
    passages = list(passages)
    tok = Tokenizer.from_file(str(ar.encoder / "ctx_encoder" / "tokenizer.json"))
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_pays()):
        pv = embed(DPRContextEncoder.from_pretrained(ar.encoder / "ctx_encoder").float().eval(), tok,
                   [f"{t} {p}" for t, p in passages]).float()
        qv = embed(DPRQuestionEncoder.from_pretrained(ar.encoder / "question_encoder").float().eval(), tok,
                   [r["q"] for r in recs]).float()
    words = [f" {' '.join(normal(p))} " for _, p in passages]
    count = 0
    with ar.out.open("w") as out:
        for r, v in zip(recs, qv):
            answers = [f" {' '.join(normal(a))} " for a in r["a"]]
            best = (pv @ v).topk(ar.k).indices.tolist()
            r["n"] = [passages[i] for i in best if not any(a in words[i] for a in answers)]
            count += len(r["n"])
            out.write(json.dumps(r, ensure_ascii=False) + "\n")
    print(f"{len(recs)} questions, {len(passages)} passages, {count / len(recs):.1f} wrong ones a question")


if __name__ == "__main__":
    main()
