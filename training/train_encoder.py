"""Train the retriever with the smaller vocabulary: imitate the full one, and tell passages of one article apart.

    python train_encoder.py --base BERT_DIR --small SMALL_DIR --data data/*.jsonl.gz --out OUT

SMALL_DIR is what prune_base.py wrote: the same network with fewer word pieces. Its embedding table stays
fixed, since the reader has the same one. Every step takes passages with one question each, half of them from
a single article, and adds up
  * cosine distance to the full network's vectors (of passages and of questions),
  * divergence between both networks' question-to-passage score rows,
  * cross-entropy of a question's own passage among the step's passages.
What is saved lies half-way (--mix) between the network it started from and the trained one: as good on the
held-out articles, and less far from the general-purpose network.
Questions without answers (squad-sentence-questions) serve as well as others. Dev articles are never read.
"""
import argparse
import gzip
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel

from eval_rag import chunks
from train_generator import bf16_pays


def pairs(paths):
    """-> {passage: (title, [questions])}, passages cut as the evaluation cuts them"""
    out = {}
    for path in map(Path, paths):
        with gzip.open(path, "rt") as f:
            for line in f:
                d = json.loads(line)
                if d.get("split") == "dev":
                    continue
                title = d.get("t", "")
                if "qa" not in d:
                    out.setdefault(d["p"], (title, []))[1].append(d["q"])
                    continue
                cut = chunks(d["p"])
                for q, a in d["qa"]:
                    at = d["p"].find(a[0])
                    c = next((c for c, s, e in cut if s <= at < e), None)
                    if c:
                        out.setdefault(c, (title, []))[1].append(q)
    return out


def vectors(m, x, k):
    h = m(x, attention_mask=k).last_hidden_state.float()
    k = k[..., None].float()
    return F.normalize((h * k).sum(1) / k.sum(1), dim=1)


def padded(tok, texts):
    ids = [e.ids for e in tok.encode_batch(texts)]
    x = torch.zeros(len(ids), max(map(len, ids)), dtype=torch.long)
    k = torch.zeros_like(x)
    for i, r in enumerate(ids):
        x[i, :len(r)] = torch.tensor(r)
        k[i, :len(r)] = 1
    return x, k


def tokenizer(d, maxlen):
    t = Tokenizer.from_file(str(d / "tokenizer.json"))
    t.no_padding()
    t.enable_truncation(maxlen)
    return t


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--base", type=Path, required=True)
    ap.add_argument("--small", type=Path, required=True)
    ap.add_argument("--data", nargs="+", required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--steps", type=int, default=240)
    ap.add_argument("--batch", type=int, default=40)
    ap.add_argument("--lr", type=float, default=8e-5)
    ap.add_argument("--mix", type=float, default=0.5, help="share of the trained weights in what is saved")
    ap.add_argument("--maxlen", type=int, default=180)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=0)
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    torch.manual_seed(ar.seed)
    rng = random.Random(ar.seed)
    teacher = BertModel.from_pretrained(ar.base, add_pooling_layer=False, attn_implementation="eager").float().eval()
    student = BertModel.from_pretrained(ar.small, add_pooling_layer=False, attn_implementation="eager").float().eval()  # no dropout: it imitates
    student.embeddings.word_embeddings.weight.requires_grad_(False)
    ttok, stok = tokenizer(ar.base, ar.maxlen), tokenizer(ar.small, ar.maxlen)
    data = pairs(ar.data)
    by_title = {}
    for p, (t, _) in data.items():
        by_title.setdefault(t, []).append(p)
    articles = [ps for t, ps in by_title.items() if t and len(ps) >= ar.batch // 2]
    weights = [len(ps) for ps in articles]
    everything = list(data)
    print(f"{len(everything)} passages, {sum(len(q) for _, q in data.values())} questions, {len(articles)} articles", flush=True)
    params = [p for p in student.parameters() if p.requires_grad]
    opt = torch.optim.AdamW(params, lr=ar.lr, weight_decay=0.01, fused=True)
    amp, t0 = bf16_pays(), time.time()
    start = {k: v.clone() for k, v in student.state_dict().items() if "position_ids" not in k}
    sums = [0, 0, 0]

    def save():
        ar.out.mkdir(parents=True, exist_ok=True)
        now = student.state_dict()
        sd = {k: v.lerp(now[k], ar.mix).to(torch.float16).contiguous() for k, v in start.items()}
        save_file(sd, ar.out / "model.safetensors", metadata={"format": "pt"})
        for f in ("config.json", "vocab.txt", "tokenizer.json", "tokenizer_config.json"):
            (ar.out / f).write_bytes((ar.small / f).read_bytes())

    for step in range(ar.steps):
        ps = rng.sample(rng.choices(articles, weights)[0], ar.batch // 2)
        ps = list(dict.fromkeys(ps + rng.sample(everything, ar.batch - len(ps))))
        P = [f"{data[p][0]} {p}".strip() for p in ps]
        Q = [rng.choice(data[p][1]) for p in ps]
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            with torch.no_grad():
                tp, tq = vectors(teacher, *padded(ttok, P)), vectors(teacher, *padded(ttok, Q))
            sp, sq = vectors(student, *padded(stok, P)), vectors(student, *padded(stok, Q))
        cos = 2 - (tp * sp).sum(1).mean() - (tq * sq).sum(1).mean()
        s, t = 20 * sq @ sp.T, 20 * tq @ tp.T
        kl = F.kl_div(s.log_softmax(1), t.softmax(1), reduction="batchmean")
        nll = F.cross_entropy(s, torch.arange(len(ps)))
        loss = 2 * cos + kl + 0.5 * nll
        for g in opt.param_groups:
            g["lr"] = ar.lr * min(1, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / ar.steps))
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        opt.step()
        sums = [a + b.item() for a, b in zip(sums, (cos, kl, nll))]
        if (step + 1) % 20 == 0:
            print(f"step {step + 1} cos {sums[0]/20:.4f} kl {sums[1]/20:.4f} nll {sums[2]/20:.4f} {(time.time()-t0)/60:.1f} min", flush=True)
            sums = [0, 0, 0]
            save()
    save()


if __name__ == "__main__":
    main()
