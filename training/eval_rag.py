"""Score a retriever, or a retriever and a reader.

    python eval_rag.py --encoder DIR [--generator DIR] --data FILE [--questions 200] [--k 5] [--grounded]

FILE: the layout of records.py (questions of the dev split, passages of all splits), or the
folder of the sample that comes with ragdex. Paragraphs are cut into passages of at most 100 words. Reported:
  gold      the passage that holds the answer is given
  top1      the best retrieved passage only
  sequence  RAG-Sequence, "thorough": every passage's own answer is re-scored under all k
  token     RAG-Token, greedy on the marginal distribution of each step
Without --generator only the retriever is scored; --out keeps every answer.
"""
import argparse
import gzip
import json
import random
import re
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import BartForConditionalGeneration, DPRContextEncoder, DPRQuestionEncoder

from metrics import best_scores, normal


def chunks(text, n=100):
    """-> list of (passage, char start, char end), split on word boundaries"""
    out, w, pos = [], [], 0
    for tok in text.split(" "):
        w.append((pos, pos + len(tok)))
        pos += len(tok) + 1
    parts = max(1, -(-len(w) // n))
    size = -(-len(w) // parts)
    for i in range(0, len(w), size):
        s, e = w[i][0], w[min(i + size, len(w)) - 1][1]
        out.append((text[s:e], s, e))
    return out


def find_gold(Q, P, by_text, q, golds, p):
    at = p.find(golds[0])
    hit = [i for i, s, e in by_text[p] if s <= at < e]
    Q.append((q, golds, hit[0]))


def load(path, split="dev"):
    """A data file (records.py): passages of all its paragraphs, questions of one split
    (of all lines, where lines carry no split)
    -> passages [(title, text)], questions [(question, answers, gold passage index)]"""
    P, Q, by_text, asked = [], [], {}, []
    f = gzip.open(path, "rt") if path.suffix == ".gz" else path.open()
    with f:
        for line in f:
            d = json.loads(line)
            if d["p"] not in by_text:
                by_text[d["p"]] = []
                for c, s, e in chunks(d["p"]):
                    by_text[d["p"]].append((len(P), s, e))
                    P.append((d["t"], c))
            if d.get("split", split) == split:
                asked += [(q, a, d["p"]) for q, a in (d["qa"] if "qa" in d else [(d["q"], d["a"])])]
    for q, a, p in asked:
        find_gold(Q, P, by_text, q, a, p)
    return P, Q


def plain(wiki):
    """Wikitext of the sample articles (links, bold, italics, headings) to text"""
    s = re.sub(r"\[\[[^\[\]|]*\|([^\[\]]*)\]\]|\[\[([^\[\]]*)\]\]", lambda m: m[1] or m[2], wiki)
    s = re.sub(r"\{\{[^{}]*\}\}|<ref[^>]*/>|<ref[^>]*>.*?</ref>|\{\|.*?\|\}", "", s, flags=re.S)
    s = re.sub(r"'{2,}|^=+.*=+$|^[*#:]+ ?", "", s, flags=re.M)
    return " ".join(s.split())


def load_sample(folder):
    """The sample that comes with ragdex: FOLDER/articles/*.wiki and FOLDER/questions/*.jsonl"""
    P, Q, of = [], [], {}
    for f in sorted(folder.glob("articles/*.wiki")):
        head, _, body = f.read_text("utf-8").partition("\n")
        title = head.removeprefix("title: ").strip()
        for c, _, _ in chunks(plain(body)):
            of.setdefault(title, []).append(len(P))
            P.append((title, c))
    for f in sorted(folder.glob("questions/*.jsonl")):
        for line in f.read_text("utf-8").splitlines():
            d = json.loads(line)
            here = of[d["title"]]
            holds = [i for i in here if any(f" {' '.join(normal(a))} " in f" {' '.join(normal(P[i][1]))} " for a in d["answer"])]
            Q.append((d["question"], d["answer"], (holds or here)[0]))
    return P, Q


@torch.no_grad()
def embed(model, tok, texts, bs=16, maxlen=256):
    ids = []
    for e in tok.encode_batch(texts):
        ids.append(e.ids if len(e.ids) <= maxlen else e.ids[:maxlen - 1] + [e.ids[-1]])
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    out = [None] * len(ids)
    for k in range(0, len(order), bs):
        b = order[k:k + bs]
        x = torch.zeros(len(b), max(len(ids[i]) for i in b), dtype=torch.long)
        m = torch.zeros_like(x)
        for j, i in enumerate(b):
            x[j, :len(ids[i])] = torch.tensor(ids[i])
            m[j, :len(ids[i])] = 1
        for i, v in zip(b, model(x, attention_mask=m).pooler_output):
            out[i] = v
    return torch.stack(out)


class Reader:
    def __init__(self, d):
        self.m = BartForConditionalGeneration.from_pretrained(d).float().eval()
        self.tok = Tokenizer.from_file(str(Path(d) / "tokenizer.json"))
        c = self.m.config
        self.pad, self.bos, self.eos = c.pad_token_id, c.bos_token_id, c.eos_token_id
        self.inner = [self.tok.id_to_token(i).startswith("##") for i in range(c.vocab_size)]
        self.slash = self.tok.token_to_id("/")
        self.grounded = False

    def inputs(self, docs, q):
        enc = [e.ids[:400] for e in self.tok.encode_batch([f"{t} / {p} // {q}" for t, p in docs])]
        x = torch.full((len(enc), max(map(len, enc))), self.pad)
        for i, e in enumerate(enc):
            x[i, :len(e)] = torch.tensor(e)
        return x, (x != self.pad).long()

    def text(self, ids):
        return self.tok.decode([i for i in ids if i not in (self.pad, self.bos, self.eos)])

    def allowed(self, doc, prefix):
        """Grounded decoding: which pieces may follow `prefix` so that the answer stays
        a run of whole words of `doc` (a list of piece ids)."""
        ok, n = set(), len(prefix)
        for j in range(len(doc) - n):
            if doc[j:j + n] == prefix and not self.inner[doc[j]]:
                ok.add(doc[j + n])
                if n and not self.inner[doc[j + n]]:
                    ok.add(self.eos)
        ok.discard(self.bos)
        if not n:
            ok = {i for i in ok if not self.inner[i]} - {self.eos}
        return ok

    def ground(self, lg, docs, prefixes):
        out = torch.full_like(lg, float("-inf"))
        for i, (d, p) in enumerate(zip(docs, prefixes)):
            many = d if isinstance(d[0], list) else [d]
            k = list(set().union(*(self.allowed(e, p) for e in many)) or {self.eos})
            out[i, k] = lg[i, k]
        return out

    def passages(self, x):
        """piece ids of title and passage, without the question"""
        out = []
        for row in x.tolist():
            row = [t for t in row if t != self.pad]
            cut = [i for i in range(len(row) - 1) if row[i] == row[i + 1] == self.slash]
            out.append(row[1:cut[-1] + 1] if cut else row[1:])
        return out

    @torch.no_grad()
    def per_doc(self, x, mask, n=20):
        """greedy answer of each passage"""
        h = self.m.model.encoder(x, attention_mask=mask)
        y = torch.tensor([[self.eos, self.bos]] * len(x))
        done = torch.zeros(len(x), dtype=torch.bool)
        docs = self.passages(x)
        for _ in range(n):
            lg = self.m(encoder_outputs=h, attention_mask=mask, decoder_input_ids=y).logits[:, -1]
            if self.grounded:
                lg = self.ground(lg, docs, [r[2:] for r in y.tolist()])
            nx = lg.argmax(-1)
            nx[done] = self.pad
            y = torch.cat([y, nx[:, None]], 1)
            done |= nx == self.eos
            if done.all():
                break
        return h, y

    @torch.no_grad()
    def score(self, h, mask, y, docs):
        """log p(answer | passage) for one answer under every passage; grounded decoding
        drops passages that do not contain the answer, without renormalising the rest"""
        y = y[: (y == self.eos).nonzero()[1, 0] + 1] if (y == self.eos).sum() > 1 else y
        Y = y[None].expand(len(mask), -1)
        lp = self.m(encoder_outputs=h, attention_mask=mask, decoder_input_ids=Y[:, :-1]).logits.log_softmax(-1)
        out = lp[:, 1:].gather(2, Y[:, 2:, None])[..., 0].sum(1)
        if self.grounded:
            a = [t for t in y[2:].tolist() if t != self.eos]
            has = [any(d[j:j + len(a)] == a for j in range(len(d))) for d in docs]
            out[~torch.tensor(has)] = float("-inf")
        return out

    @torch.no_grad()
    def token(self, h, mask, prior, docs, n=20):
        y = torch.tensor([[self.eos, self.bos]] * len(mask))
        for _ in range(n):
            lp = self.m(encoder_outputs=h, attention_mask=mask, decoder_input_ids=y).logits[:, -1].log_softmax(-1)
            lp = torch.logsumexp(lp + prior[:, None], 0)
            if self.grounded:
                lp = self.ground(lp[None], [docs], [y[0, 2:].tolist()])[0]
            nx = lp.argmax()
            if nx == self.eos:
                break
            y = torch.cat([y, nx.expand(len(mask), 1)], 1)
        return y[0]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--encoder", type=Path)
    ap.add_argument("--generator", type=Path)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--questions", type=int, default=0, help="this many, drawn with a fixed seed, instead of all")
    ap.add_argument("--spread", action="store_true", help="draw them at equal distances in the file instead")
    ap.add_argument("--k", type=int, default=5)
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--show", type=int, default=0)
    ap.add_argument("--vectors", type=Path, help="keep the passages' vectors in this file and use them when it is there")
    ap.add_argument("--ways", default="gold,top1,sequence,token", help="which of the four to run")
    ap.add_argument("--out", type=Path, help="JSON lines: question, answers, and what each way of decoding said")
    ap.add_argument("--prior", default="1", help="factors on the scores under the document prior, separated by commas: token is run with each")
    ap.add_argument("--articles", choices=["dev", "train"], default="dev", help="whose questions; train: to choose settings by")
    ap.add_argument("--grounded", action="store_true", help="only allow answers that are whole-word runs of the passages")
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    P, Q = load_sample(ar.data) if ar.data.is_dir() else load(ar.data, ar.articles)
    if ar.questions:
        if ar.spread:
            Q = Q[::max(1, len(Q) // ar.questions)]
        else:
            random.Random(3).shuffle(Q)
        Q = Q[:ar.questions]
    t0 = time.time()
    tot = {}

    def add(name, pred, golds):
        e, f = best_scores(pred, golds)
        a = tot.setdefault(name, [0, 0, 0])
        a[0] += e; a[1] += f; a[2] += 1
        return e

    if ar.encoder:
        tok = Tokenizer.from_file(str(ar.encoder / "ctx_encoder" / "tokenizer.json"))
        ce = DPRContextEncoder.from_pretrained(ar.encoder / "ctx_encoder").float().eval()
        qe = DPRQuestionEncoder.from_pretrained(ar.encoder / "question_encoder").float().eval()
        pv = torch.load(ar.vectors) if ar.vectors and ar.vectors.exists() else embed(ce, tok, [f"{t} {p}" for t, p in P])
        if ar.vectors:
            torch.save(pv, ar.vectors)
        qv = embed(qe, tok, [q for q, _, _ in Q])
        S = qv @ pv.T
        rank = S.argsort(1, descending=True)
        pos = (rank == torch.tensor([g for *_, g in Q])[:, None]).float().argmax(1)
        print("passages", len(P), "questions", len(Q),
              {f"R@{k}": round(100 * (pos < k).float().mean().item(), 1) for k in (1, 5, 10)})
        # which inner-product scale makes the document prior most truthful
        for s in (4, 6, 8, 12, 20, 30):
            z = (S / S.new_tensor(float(qv[0].norm() * pv[0].norm())) * s)
            lp = z.gather(1, rank[:, :ar.k]).log_softmax(1)
            ok = pos < ar.k
            print(f"  prior at scale {s}: mean log p(gold) {lp[ok].gather(1, pos[ok, None]).mean():.3f}")
    if not ar.generator:
        return
    ways = ar.ways.split(",")
    rd = Reader(ar.generator)
    rd.grounded = ar.grounded
    kept = ar.out.open("w") if ar.out else None
    shown = 0
    for i, (q, golds, g) in enumerate(Q):
        said = {}
        if "gold" in ways:
            x, m = rd.inputs([P[g]], q)
            _, y = rd.per_doc(x, m)
            said["gold"] = rd.text(y[0].tolist())
        if ar.encoder and set(ways) - {"gold"}:
            top = rank[i, :ar.k]
            prior = S[i, top].log_softmax(0)
            x, m = rd.inputs([P[j] for j in top], q)
            docs = rd.passages(x)
            if "sequence" in ways:
                h, ys = rd.per_doc(x, m)
                cand = {}
                for y in ys:
                    t = rd.text(y.tolist())
                    if t and t not in cand:
                        cand[t] = float(torch.logsumexp(prior + rd.score(h, m, y, docs), 0))
                said["sequence"] = max(cand, key=cand.get) if cand else ""
            else:
                h, ys = rd.per_doc(x[:1], m[:1])
                h = rd.m.model.encoder(x, attention_mask=m)
            if "top1" in ways:
                said["top1"] = rd.text(ys[0].tolist())
            if "token" in ways:
                for factor in ar.prior.split(","):
                    name = "token" if factor == "1" else f"token@{factor}"
                    said[name] = rd.text(rd.token(h, m, (S[i, top] * float(factor)).log_softmax(0), docs).tolist())
        for way, a in said.items():
            add(way, a, golds)
        if kept:
            kept.write(json.dumps({"q": q, "answers": golds, "passage": P[g], "rank": int(pos[i]) + 1 if ar.encoder else None,
                                   **said}, ensure_ascii=False) + "\n")
        if shown < ar.show:
            shown += 1
            print(q, said, "| answer:", golds[0])
    for n, (e, f, c) in tot.items():
        print(f"{n:9s} EM {100*e/c:5.1f}  F1 {100*f/c:5.1f}  n={c}")
    print(f"{time.time()-t0:.0f} s")


if __name__ == "__main__":
    main()
