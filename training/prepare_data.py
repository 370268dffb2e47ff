"""Turn public QA files into one JSON-lines format.

    python prepare_data.py RAW_DIR OUT_DIR [--exclude other.json]

RAW_DIR holds the files as published, under these names (any may be missing; README.md has their licences):
  new_wiki.json, reddit.json, amazon.json  SQuADShifts: modestyachts/squadshifts-website,
                                           datasets/{new_wiki_v1.0,reddit_v1.0,amazon_reviews_v1.0}.json
  qamrf_dev.tsv, qamrf_test.tsv            QAMR: uwnlp/qamr, data/filtered/{dev,test}.tsv
  qamr_sents.tsv                           QAMR's Wikipedia and Wikinews sentences, from the same repository
  qed_dev.jsonl                            QED: google-research-datasets/QED, qed-dev.jsonlines
  nqg_src.txt, nqg_tgt.txt                 questions without answers: xinyadu/nqg, data/processed/{src,tgt}-test.txt
Writes one OUT_DIR/<source>.jsonl.gz per source in the layout of records.py. Six whole
new_wiki articles are marked "dev".
`--exclude` (SQuAD layout) drops every record whose passage shares an 8-word run with it,
so it can serve as an untouched test set.
"""
import argparse
import collections
import csv
import gzip
import json
import random
import re
from pathlib import Path

from records import write

DEV_ARTICLES = 6  # held-out new_wiki articles


def words(s):
    return re.findall(r"\w+", s.lower())


def shingles(s, n=8):
    w = words(s)
    return {" ".join(w[i:i + n]) for i in range(len(w) - n + 1)}


def squad_like(path, source):
    for art in json.loads(path.read_text())["data"]:
        title = art.get("title", "").replace("_", " ")
        if source != "new_wiki":
            title = ""
        for par in art["paragraphs"]:
            ctx = par["context"]
            for qa in par["qas"]:
                got = [a["text"].strip(" .,;:") for a in qa["answers"]]
                got = [g for g in got if g and g in ctx]
                if not got:
                    continue
                # most agreed answer, then the shortest
                n = collections.Counter(g.lower() for g in got)
                best = min(got, key=lambda g: (-n[g.lower()], len(g)))
                if len(best.split()) > 12:
                    continue
                yield dict(t=title, p=ctx, q=qa["question"].strip(), a=[best] + [g for g in got if g != best], s=source)


PTB = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}", "``": '"', "''": '"'}


def join(tokens):
    """Undo Penn-Treebank spacing; returns the text and each token's (start, end)."""
    out, spans, glue = "", [], True
    open_quote = False
    for raw in tokens:
        t = PTB.get(raw, raw)
        left = t in {".", ",", ";", ":", "?", "!", ")", "]", "}", "%", "'s", "n't", "'"} or t.startswith("'") and len(t) < 4
        if raw in ("''",) or t == '"' and open_quote and raw != "``":
            left = True
        if out and not glue and not left:
            out += " "
        spans.append((len(out), len(out) + len(t)))
        out += t
        glue = t in {"(", "[", "{", "$", "#"} or raw == "``"
        if t == '"':
            open_quote = not open_quote
    return out, spans


def qamr(path, sents):
    seen = set()
    for row in csv.reader(path.open(), delimiter="\t", quoting=csv.QUOTE_NONE):
        sid, question, ans = row[0], row[5].strip(), row[6]
        toks = sents.get(sid)
        if not toks or len(question.split()) < 3:
            continue
        votes = [ans] + [r.split(":", 1)[1] for r in row[7:9] if ":" in r]
        votes = [v for v in votes if v and v[0].isdigit()]
        if len(votes) < 2:
            continue
        text, spans = join(toks)
        got = []
        for v in votes:
            ix = sorted(map(int, v.split()))
            if ix[-1] - ix[0] + 1 != len(ix) or ix[-1] >= len(spans):
                continue
            got.append(text[spans[ix[0]][0]:spans[ix[-1]][1]].strip(' .,;:"'))
        got = [g for g in got if g]
        if not got:
            continue
        n = collections.Counter(got)
        best = max(got, key=lambda g: (n[g], -len(g)))
        key = (sid, question.lower().rstrip("?"))
        if key in seen or len(best.split()) > 10:
            continue
        seen.add(key)
        yield dict(t="", p=text, q=question, a=[best] + [g for g in got if g != best], s="qamr")


def untok(s):
    s = re.sub(r"\s+([.,;:?!)\]%])", r"\1", s)
    s = re.sub(r"([(\[])\s+", r"\1", s)
    s = re.sub(r"\s+('s|n't|')(?=\s|$|[.,])", r"\1", s)
    return re.sub(r"(\w) - (\w)", r"\1-\2", s).replace("`` ", '"').replace(" ''", '"')


def qed(path):
    for line in path.open():
        d = json.loads(line)
        p = untok(d["paragraph_text"])
        got = []
        for a in d.get("original_nq_answers", []):
            t = untok(" , ".join(x["string"] for x in a)) if len(a) == 1 else None
            if t and t in p and len(t.split()) <= 10:
                got.append(t)
        if got:
            best = min(got, key=len)
            yield dict(t=d["title_text"], p=p, q=d["question_text"], a=[best] + [g for g in got if g != best], s="qed")


def questions_only(src, tgt, out):
    """Sentences and their questions, without answers: for the retriever alone."""
    pairs = list(zip(src.read_text().splitlines(), tgt.read_text().splitlines(), strict=True))
    with gzip.GzipFile(out, "wb", 9, mtime=0) as f:
        for p, q in pairs:
            f.write((json.dumps({"p": p.strip(), "q": q.strip()}, ensure_ascii=False) + "\n").encode())
    print("squad-sentence-questions", len(pairs))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("raw", type=Path)
    ap.add_argument("out", type=Path)
    ap.add_argument("--exclude", type=Path)
    ar = ap.parse_args()
    rng = random.Random(0)
    recs = []
    for s in ("new_wiki", "reddit", "amazon"):
        f = ar.raw / f"{s}.json"
        if f.exists():
            recs += squad_like(f, s)
    if (ar.raw / "qamr_sents.tsv").exists():
        sents = {}
        for line in (ar.raw / "qamr_sents.tsv").open():
            sid, _, s = line.rstrip("\n").partition("\t")
            sents[sid] = s.split()
        for f in sorted(ar.raw.glob("qamrf_*.tsv")):
            recs += qamr(f, sents)
    if (ar.raw / "qed_dev.jsonl").exists():
        recs += qed(ar.raw / "qed_dev.jsonl")
    if ar.exclude:
        ban = set()
        for art in json.loads(ar.exclude.read_text())["data"]:
            for par in art["paragraphs"]:
                ban |= shingles(par["context"])
        cache, kept = {}, []
        for r in recs:
            if r["p"] not in cache:
                cache[r["p"]] = bool(shingles(r["p"]) & ban)
            if not cache[r["p"]]:
                kept.append(r)
        print(f"dropped {len(recs) - len(kept)} overlapping records")
        recs = kept
    arts = sorted({r["t"] for r in recs if r["s"] == "new_wiki"})
    rng.shuffle(arts)
    held = set(arts[:DEV_ARTICLES])
    ar.out.mkdir(parents=True, exist_ok=True)
    for src in sorted({r["s"] for r in recs}):
        rows = [("dev" if src == "new_wiki" and r["t"] in held else "train", r) for r in recs if r["s"] == src]
        n = write(ar.out / f"{src.replace('_', '-')}.jsonl.gz", rows)
        print(src, n, "passages", dict(collections.Counter(s for s, _ in rows)))
    if (ar.raw / "nqg_src.txt").exists():
        questions_only(ar.raw / "nqg_src.txt", ar.raw / "nqg_tgt.txt", ar.out / "squad-sentence-questions.jsonl.gz")


if __name__ == "__main__":
    main()
