"""Answers for questions that come with a sentence but without an answer.

    python pseudo_label.py --reader READER --data data/squad-sentence-questions.jsonl.gz --out OUT.jsonl [--least 0.6]

The span head that train_generator.py trains beside the reader marks an answer in the question's own sentence; it is kept when the
decoder, too, gives it a confidence (geometric mean of the pieces' probabilities, end included) of at least --least. So that the reader has to look for it, most sentences
get their neighbours of the file (of the same article: the file keeps the articles' order) before and after them.
Output: the layout of records.py, one question per line.
"""
import argparse
import json
import random
import re
from pathlib import Path

import torch

from eval_rag import Reader
from records import lines
from train_generator import bf16_pays


def untokenised(s):
    """`words , set apart` -> `words, set apart`"""
    for a, b in (("-lrb- ", "("), (" -rrb-", ")"), ("`` ", '"'), (" ''", '"'), ("''", '"')):
        s = s.replace(a, b)
    s = re.sub(r" ([,.;:?!%])", r"\1", s)
    return re.sub(r" ('s|'|n't)(?= |$|[,.])", r"\1", s)


@torch.no_grad()
def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--reader", type=Path, required=True)
    ap.add_argument("--data", type=Path, required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--least", type=float, default=0.6)
    ap.add_argument("--alone", type=float, default=0.35, help="share of sentences that get no neighbours")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=0)
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    rng = random.Random(ar.seed)
    rd = Reader(ar.reader)
    head = torch.nn.Linear(rd.m.config.d_model, 2)
    head.load_state_dict(torch.load(ar.reader / "span.pt"))
    sentences, asked = [], []
    for d in lines(ar.data):
        p = untokenised(d["p"])
        if not sentences or sentences[-1] != p:
            sentences.append(p)
        asked.append((len(sentences) - 1, untokenised(d["q"])))
    order = sorted(range(len(asked)), key=lambda i: len(sentences[asked[i][0]]) + len(asked[i][1]))
    said = [None] * len(asked)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16_pays()):
        for k in range(0, len(order), 48):
            b = order[k:k + 48]
            enc = [e.ids[:300] for e in rd.tok.encode_batch([f" / {sentences[asked[i][0]]} // {asked[i][1]}" for i in b])]
            x = torch.full((len(enc), max(map(len, enc))), rd.pad)
            for j, e in enumerate(enc):
                x[j, :len(e)] = torch.tensor(e)
            mask = (x != rd.pad).long()
            h = rd.m.model.encoder(x, attention_mask=mask)
            marks = head(h.last_hidden_state).float().log_softmax(1)
            spans = []
            for row, e, mark in zip(x.tolist(), enc, marks):
                cut = max(t for t in range(len(e) - 1) if row[t] == row[t + 1] == rd.slash)  # passage // question
                score = mark[2:cut, 0][:, None] + mark[2:cut, 1][None]
                score = score.masked_fill(torch.ones_like(score).triu().tril(15) == 0, -1e9)
                at = int(score.argmax())
                spans.append((2 + at // score.shape[1], 2 + at % score.shape[1]))
            ys = [[rd.eos, rd.bos] + e[a:b + 1] + [rd.eos] for e, (a, b) in zip(enc, spans)]
            y = torch.full((len(ys), max(map(len, ys))), rd.pad)
            for j, e in enumerate(ys):
                y[j, :len(e)] = torch.tensor(e)
            lp = rd.m(encoder_outputs=h, attention_mask=mask, decoder_input_ids=y[:, :-1]).logits.float().log_softmax(-1)
            lp = lp.gather(2, y[:, 1:, None])[..., 0][:, 1:]
            for i, e, l in zip(b, ys, lp):
                said[i] = (rd.text(e), float(l[:len(e) - 2].mean().exp()))
    kept = 0
    with ar.out.open("w") as out:
        for (s, q), (a, c) in zip(asked, said):
            p = sentences[s]
            # the tokenizer sets punctuation apart: find the answer's own characters
            found = re.search(r"\s*".join(re.escape(w) for w in a.split()), p)
            if c < ar.least or not found:
                continue
            if rng.random() >= ar.alone:
                lo, hi = max(0, s - rng.randint(0, 2)), s + 1 + rng.randint(0, 2)
                p = " ".join(sentences[lo:hi])
            out.write(json.dumps({"t": "", "p": p, "q": q, "a": [found[0]], "s": "pseudo", "c": round(c, 3)}, ensure_ascii=False) + "\n")
            kept += 1
    print(f"{kept} of {len(asked)} kept")


if __name__ == "__main__":
    main()
