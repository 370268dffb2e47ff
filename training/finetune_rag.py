"""Fine-tune the reader on the RAG-Token marginal over retrieved passages.

    python finetune_rag.py --encoder ENCODER --reader READER --data data/new-wiki.jsonl.gz ... [--steps 110] --out OUT

For every training question the top --k passages are retrieved from all passages of the files' training splits
with the finished, fixed retriever. The loss of an answer is
    -sum_t log sum_z softmax(score)_z p(piece_t | passage_z, question, pieces before t)
plus the plain losses of train_generator.py on the passage that holds the answer, at half weight.
Passages are read apart, so a passage without the answer learns to spread its mass instead of guessing; with --nothing
above 0 it learns the end token as its first piece.
Both towers stay fixed: the packed file stores one network for both. Held-out articles are not read.
"""
import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration, DPRContextEncoder, DPRQuestionEncoder

from eval_rag import chunks, embed
from records import read
from train_generator import Average, bf16_pays, collate, decoder_input


LONGEST = 400  # pieces of one passage with its question


def load(paths):
    """-> passages [(title, text)], training questions [(question, answer, passage index, start in passage)]"""
    P, Q, index = [], [], {}
    for r in read(paths, "train"):
        a = r["a"][0]
        at = r["p"].find(a)
        for c, s, e in chunks(r["p"]):
            if (r["t"], c) not in index:
                index[r["t"], c] = len(P)
                P.append((r["t"], c))
            if s <= at and at + len(a) <= e:
                Q.append((r["q"], a, index[r["t"], c], at - s))
    return P, Q


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--encoder", type=Path, required=True, help="folder with ctx_encoder and question_encoder")
    ap.add_argument("--reader", type=Path, required=True)
    ap.add_argument("--data", type=Path, nargs="+", required=True)
    ap.add_argument("--vectors", type=Path, help="keep the vectors of passages and questions here; used when it is there")
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--k", type=int, default=5)
    ap.add_argument("--steps", type=int, default=110)
    ap.add_argument("--batch", type=int, default=5, help="questions per step")
    ap.add_argument("--lr", type=float, default=6e-5)
    ap.add_argument("--enc-lr", type=float, default=3e-5)
    ap.add_argument("--plain", type=float, default=0.5, help="weight of the plain losses")
    ap.add_argument("--nothing", type=float, default=0.0, help="weight of the first piece of passages without the answer")
    ap.add_argument("--prior", type=float, default=1.0, help="the document prior is the softmax of this times the scores")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=0)
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    torch.manual_seed(ar.seed)
    rng = random.Random(ar.seed)
    amp, t0 = bf16_pays(), time.time()
    P, Q = load(ar.data)
    random.Random(0).shuffle(Q)
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
        tok = Tokenizer.from_file(str(ar.encoder / "ctx_encoder" / "tokenizer.json"))
        ce = DPRContextEncoder.from_pretrained(ar.encoder / "ctx_encoder").float().eval()
        qe = DPRQuestionEncoder.from_pretrained(ar.encoder / "question_encoder").float().eval()
        if ar.vectors and ar.vectors.exists():
            pv, qv = torch.load(ar.vectors)
        else:
            pv = embed(ce, tok, [f"{t} {p}" for t, p in P]).float()
            qv = embed(qe, tok, [q for q, *_ in Q]).float()
        if ar.vectors:
            torch.save((pv, qv), ar.vectors)
    chosen = rng.sample(range(len(Q)), min(len(Q), ar.steps * ar.batch))
    Q, qv = [Q[i] for i in chosen], qv[chosen]
    S = qv @ pv.T
    top = S.topk(ar.k, 1).indices.tolist()
    found = sum(g in t for t, (_, _, g, _) in zip(top, Q))
    print(f"{len(P)} passages, {len(Q)} questions, right passage among the top {ar.k}: {100*found/len(Q):.1f} %, "
          f"{(time.time()-t0)/60:.1f} min", flush=True)

    ar.out.mkdir(parents=True, exist_ok=True)
    for f in ("vocab.txt", "tokenizer.json", "tokenizer_config.json"):
        (ar.out / f).write_bytes((ar.reader / f).read_bytes())
    tok = Tokenizer.from_file(str(ar.reader / "tokenizer.json"))
    ids = {w: tok.token_to_id(w) for w in ("[PAD]", "[CLS]", "[SEP]")}
    m = BartForConditionalGeneration.from_pretrained(ar.reader, attn_implementation="eager").float().train()
    span_head = torch.nn.Linear(m.config.d_model, 2)
    span_head.load_state_dict(torch.load(ar.reader / "span.pt"))
    span_head.requires_grad_(False)
    m.model.shared.weight.requires_grad_(False)
    encp = [p for n, p in m.named_parameters() if p.requires_grad and n.startswith("model.encoder")]
    decp = [p for n, p in m.named_parameters() if p.requires_grad and not n.startswith("model.encoder")]
    opt = torch.optim.AdamW([dict(params=encp, lr=ar.enc_lr), dict(params=decp, lr=ar.lr)], weight_decay=0.01, fused=True)
    base_lr = [g["lr"] for g in opt.param_groups]
    avg = Average(encp + decp, 0.99)
    sums = [0, 0, 0, 0]
    logf = (ar.out / "log.jsonl").open("a")

    def save():
        avg.swap()
        m.save_pretrained(ar.out, safe_serialization=True)
        torch.save(span_head.state_dict(), ar.out / "span.pt")
        avg.swap()

    # questions of like passage length go together
    size = [sum(len(P[j][1]) for j in t) for t in top]
    order = sorted(range(len(Q)), key=lambda i: size[i] + rng.random() * 200)
    steps = [order[i:i + ar.batch] for i in range(0, len(order), ar.batch)]
    rng.shuffle(steps)
    for step, group in enumerate(steps):
        rows, prior, gold, without = [], [], [], []
        for i in group:
            q, a, g, at = Q[i]
            docs = top[i] if g in top[i] else top[i][:-1] + [g]
            prior.append((S[i, docs] * ar.prior).log_softmax(0))
            without += [a.lower() not in P[j][1].lower() for j in docs]
            gold.append(docs.index(g))
            encs = tok.encode_batch([f"{P[j][0]} / {P[j][1]} // {q}" for j in docs])
            start = len(P[g][0]) + 3 + at
            e = encs[gold[-1]]
            span = [k for k, (s, t) in enumerate(e.offsets) if t > s and s < start + len(a) and t > start]
            if not span or span[-1] >= LONGEST:  # text that is hardly words
                prior.pop(), gold.pop()
                del without[-len(docs):]
                continue
            tgt = [ids["[CLS]"]] + e.ids[span[0]:span[-1] + 1][:20] + [ids["[SEP]"]]
            rows += [(x.ids[:LONGEST], tgt, (span[0], span[0] + len(tgt) - 3)) for x in encs]
        if not rows:
            continue
        x, y, ptr, span, neg = collate(rows, ids["[PAD]"], "cpu")
        mask = (x != ids["[PAD]"]).long()
        B, K = len(gold), ar.k
        right = torch.zeros(B, K, dtype=torch.bool)
        right[torch.arange(B), torch.tensor(gold)] = True
        right = right.flatten()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=amp):
            o = m(input_ids=x, attention_mask=mask, decoder_input_ids=decoder_input(y, ids), output_attentions=True)
            sl = span_head(o.encoder_last_hidden_state[right]).float().masked_fill(mask[right][..., None] == 0, -1e4)
        lp = o.logits.float().log_softmax(-1)
        tok_lp = lp.gather(2, y.clamp_min(0)[..., None])[..., 0]  # (B*K, T): log p(piece_t | passage)
        marg = torch.logsumexp(tok_lp.view(B, K, -1) + torch.stack(prior)[..., None], 1)
        live = y.view(B, K, -1)[:, 0] >= 0
        rag = -marg[live].mean()
        ce = -tok_lp[right][live].mean()
        k = ptr[right] >= 0
        att = o.cross_attentions[-1][right].float().mean(1)
        guide = -(att.gather(2, ptr[right].clamp_min(0)[..., None])[..., 0][k] + 1e-6).log().mean()
        sp = F.cross_entropy(sl[..., 0], span[right, 0]) + F.cross_entropy(sl[..., 1], span[right, 1])
        nothing = -lp[torch.tensor(without), 1, ids["[SEP]"]].mean() if any(without) else ce * 0
        loss = rag + ar.plain * (ce + 0.3 * guide + 0.3 * sp) + ar.nothing * nothing
        f = min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / len(steps)))
        for g, l in zip(opt.param_groups, base_lr):
            g["lr"] = l * f
        opt.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(encp + decp, 1.0)
        opt.step()
        avg.update(step + 1)
        sums = [a + b.item() for a, b in zip(sums, (rag, ce, guide, nothing))]
        if (step + 1) % 20 == 0:
            line = dict(step=step + 1, marginal=round(sums[0] / 20, 3), plain=round(sums[1] / 20, 3), guide=round(sums[2] / 20, 3),
                        nothing=round(sums[3] / 20, 3), minutes=round((time.time() - t0) / 60, 2))
            print(line, flush=True)
            logf.write(json.dumps(line) + "\n")
            logf.flush()
            sums = [0, 0, 0, 0]
        if (step + 1) % 20 == 0:
            save()
    save()


if __name__ == "__main__":
    main()
