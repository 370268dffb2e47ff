"""Train the small BART-layout reader.

    python train_generator.py --base BERT_DIR --train data/*.jsonl.gz[:TIMES] ... --dev data/new-wiki.jsonl.gz --out OUT

Input text is the RAG reader format "title / passage // question"; the target is
the answer span's own word pieces between [CLS] and [SEP]. Three losses:
  1. cross-entropy on the answer pieces;
  2. pointer guidance: the last decoder layer's mean cross-attention should fall
     on the piece being copied (the data is extractive, so that position is known);
  3. span guidance: a throw-away linear head marks answer start/end on the encoder.
2 and 3 only shape the weights; the saved checkpoint is a plain BART model.
Some rows get a passage that does not answer the question: one the retriever finds for it
(hard_negatives.py), another of the same article, or any other. There the distribution of the
first answer piece is pushed flat, so that irrelevant documents add little to a RAG marginal.
With --swap some rows have their answer replaced, in the passage and in the target, by one of the same shape
from another question: the reader is to say what the text says, also where it knows otherwise.
With --wrong nothing the first piece should be the end token instead, "nothing here", and the
answer's further pieces are learned as they follow from those before (weight 0.3), so that such
a passage does not end an answer that another one began.

Schedule: warm-up, constant, then a cosine to 2 % over the last --decay-tokens of
--total-tokens. It is counted in tokens, never in minutes, so a run depends on its seed alone.
A run that has to end early or may go on for longer: `echo TOKENS > OUT/decay-now` starts a decay
of that many tokens at once, from the rate it has reached (the log notes where, so that the run can be repeated).
OUT holds the moving average of the weights; OUT/raw the last step's.
"""
import argparse
import json
import math
import random
import re
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer

from metrics import best_scores
from model import bart_from_bert
from records import read
from vocab_prune import choose, write_tokenizer


def sentence_window(p, a, rng, limit_words):
    """A run of whole sentences around the answer, at most about limit_words long."""
    at = p.find(a)
    if at < 0:
        return None
    if len(p.split()) <= limit_words:
        return p, at
    cuts = [0] + [m.end() for m in re.finditer(r"[.!?][\"')\]]*\s+", p)] + [len(p)]
    sents = [(s, e) for s, e in zip(cuts, cuts[1:]) if e > s]
    hit = [i for i, (s, e) in enumerate(sents) if s < at + len(a) and e > at]
    lo, hi = hit[0], hit[-1]
    size = lambda l, h: len(p[sents[l][0]:sents[h][1]].split())
    while True:
        grow = []
        if lo > 0 and size(lo - 1, hi) <= limit_words:
            grow.append((lo - 1, hi))
        if hi + 1 < len(sents) and size(lo, hi + 1) <= limit_words:
            grow.append((lo, hi + 1))
        if not grow:
            break
        lo, hi = rng.choice(grow)
    s, e = sents[lo][0], sents[hi][1]
    text = p[s:e].strip()
    at = text.find(a, max(0, at - s - 3))
    return (text, at) if at >= 0 else None


def word_window(p, a, rng, limit_words):
    """A run of words around the answer, cut without regard to sentences, as passages of an index are."""
    at = p.find(a)
    if at < 0:
        return None
    spans = [m.span() for m in re.finditer(r"\S+", p)]
    if len(spans) <= limit_words:
        return p, at
    hit = [i for i, (s, e) in enumerate(spans) if s < at + len(a) and e > at]
    lo = max(0, hit[-1] + 1 - limit_words)
    hi = min(hit[0], len(spans) - limit_words)
    i = rng.randint(min(lo, hi), max(lo, hi))
    s, e = spans[i][0], spans[min(i + limit_words, len(spans)) - 1][1]
    return (p[s:e], at - s) if s <= at and at + len(a) <= e else None


def window(p, a, rng, short_bias):
    u = rng.random()
    if u < short_bias:
        return sentence_window(p, a, rng, 45)
    if rng.random() < 0.35:
        return word_window(p, a, rng, rng.randint(60, 110))
    return sentence_window(p, a, rng, 80 if rng.random() < 0.5 else 110)


def shape(answer):
    """The shape of an answer that another may replace without breaking the sentence: "Aa Aa", "0000", "00 a"; None for longer ones and
    for common words."""
    words = answer.split()
    if not 1 <= len(words) <= 3:
        return None
    one = lambda w: re.sub(r"[^\W\d_]+", lambda m: "A" if m[0].isupper() and len(m[0]) > 1 else "Aa" if m[0][0].isupper() else "a",
                           re.sub(r"\d", "0", w))
    form = " ".join(map(one, words))
    return None if form in ("a", "a a", "a a a") else form  # common words need their sentence


def asked(question):
    """What a question asks for, as far as two words tell: "who", "in what year" -> "what year", "how many"."""
    words = re.findall(r"\w+", question.lower())
    at = next((i for i, w in enumerate(words) if w in ("who", "whom", "whose", "when", "where", "which", "what", "how")), None)
    if at is None:
        return ""
    return " ".join(words[at:at + 2]) if words[at] in ("which", "what", "how") else words[at]


class Answers:
    """Answers to replace others by: the same shape, and asked for in the same words where there are enough of those."""

    def __init__(self, recs, enough=20):
        self.by, self.enough = {}, enough
        for r in recs:
            for key in self.keys(r):
                self.by.setdefault(key, []).append(r["a"][0])

    def keys(self, r):
        kind = asked(r["q"])
        return [(k, shape(r["a"][0])) for k in dict.fromkeys((kind, kind.partition(" ")[0]))]

    def other(self, r, rng):
        for key in self.keys(r):
            if len(self.by.get(key, ())) >= self.enough:
                return rng.choice(self.by[key])
        return None

    def swap(self, r, p, at, rng):
        """`p` with the answer replaced everywhere, where it begins, and the new answer; None where there is nothing fit.
        Parts of the old answer may stay, as a surname does."""
        old = r["a"][0]
        if shape(old) is None or old in r["q"] or old in r["t"] or len(old) < 3:
            return None
        new = self.other(r, rng)
        if new is None or new.lower() in p.lower() or new.lower() in r["q"].lower():
            return None
        return p.replace(old, new), at + (len(new) - len(old)) * p.count(old, 0, at), new


def build_rows(recs, by_title, tok, ids, rng, max_tokens, neg_rate, short_bias, answers=None, swap_rate=0.0):
    """-> list of (input_ids, target_ids, span or None for a passage without the answer)"""
    rows, texts, meta = [], [], []
    for r in recs:
        got = window(r["p"], r["a"][0], rng, short_bias)
        if not got:
            continue
        p, at = got
        title, answer = r["t"], r["a"][0]
        neg = rng.random() < neg_rate
        if neg:  # another passage of the same article, or any other
            near, u = by_title.get(r["t"], ()), rng.random()
            if r.get("n") and u < 0.6:  # what the retriever found
                title, p = rng.choice(r["n"])
                w = window(p, rng.choice(p.split()), rng, short_bias)  # as long as the right ones
            else:
                o = rng.choice(near) if len(near) > 1 and u < 0.85 else recs[rng.randrange(len(recs))]
                w = window(o["p"], o["a"][0], rng, short_bias)
                title = o["t"]
            if not w:
                continue
            p = w[0]
            if answer.lower() in p.lower():
                continue
            at = -1
        elif swap_rate and rng.random() < swap_rate and (swapped := answers.swap(r, p, at, rng)):
            p, at, answer = swapped
        head = f"{title} / "
        texts.append(f"{head}{p} // {r['q']}")
        meta.append((len(head) + at, len(head) + at + len(answer)) if not neg else answer)
    for enc, m in zip(tok.encode_batch(texts), meta):
        if len(enc.ids) > max_tokens:
            continue
        if isinstance(m, str):
            pieces = tok.encode(m, add_special_tokens=False).ids[:22]
            rows.append((enc.ids, [ids["[CLS]"]] + pieces + [ids["[SEP]"]], None))
            continue
        span = [k for k, (s, e) in enumerate(enc.offsets) if e > s and s < m[1] and e > m[0]]
        if not span or span[-1] - span[0] > 22:
            continue
        rows.append((enc.ids, [ids["[CLS]"]] + enc.ids[span[0]:span[-1] + 1] + [ids["[SEP]"]], (span[0], span[-1])))
    return rows


def batches(rows, tokens, rng):
    order = sorted(range(len(rows)), key=lambda i: len(rows[i][0]) + rng.random() * 8)
    out, cur, width = [], [], 0
    for i in order:
        width = max(width, len(rows[i][0]))
        if cur and width * (len(cur) + 1) > tokens:
            out.append(cur)
            cur, width = [], len(rows[i][0])
        cur.append(i)
    out.append(cur)
    rng.shuffle(out)
    return [[rows[i] for i in b] for b in out]


def collate(b, pad, dev):
    T = max(len(r[0]) for r in b)
    Y = max(len(r[1]) for r in b)
    x = torch.full((len(b), T), pad)
    y = torch.full((len(b), Y), -100)
    ptr = torch.full((len(b), Y), -1)
    span = torch.zeros(len(b), 2, dtype=torch.long)
    for i, (ids, tgt, s) in enumerate(b):
        x[i, :len(ids)] = torch.tensor(ids)
        y[i, :len(tgt)] = torch.tensor(tgt)
        if s:
            ptr[i, 1:len(tgt) - 1] = torch.arange(s[0], s[1] + 1)
            span[i] = torch.tensor(s)
    neg = torch.tensor([r[2] is None for r in b])
    return [t.to(dev) for t in (x, y, ptr, span, neg)]


def decoder_input(y, ids):
    """[SEP] [CLS] answer pieces: the targets moved one to the right."""
    d = torch.full_like(y, ids["[PAD]"])
    d[:, 0] = ids["[SEP]"]
    d[:, 1:] = y[:, :-1].clamp_min(0)
    d[:, 1:][y[:, :-1] < 0] = ids["[PAD]"]
    return d


def losses(m, span_head, batch, ids, amp, wrong="flat"):
    """-> loss, (cross-entropy, pointer guidance, span guidance)"""
    x, y, ptr, span, neg = batch
    inputs = decoder_input(y, ids)
    weight = (y >= 0).float()
    if wrong == "nothing":
        y = y.clone()
        y[neg, 1] = ids["[SEP]"]
        weight[neg, 2:] *= 0.3
    else:
        weight[neg] = 0
    mask = (x != ids["[PAD]"]).long()
    with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=amp):
        o = m.model(input_ids=x, attention_mask=mask, decoder_input_ids=inputs, output_attentions=True)
        spoken = y >= 0  # most positions of a batch are padding, and the table is large
        logits = (m.lm_head(o.last_hidden_state[spoken]) + m.final_logits_bias).float()
        sl = span_head(o.encoder_last_hidden_state).float().masked_fill(mask[..., None] == 0, -1e4)
    weight = weight[spoken]
    ce = F.cross_entropy(logits, y[spoken], reduction="none")
    ce = (ce * weight).sum() / weight.sum().clamp_min(1)
    att = o.cross_attentions[-1].float().mean(1)
    k = ptr >= 0
    guide = -(att.gather(2, ptr.clamp_min(0)[..., None])[..., 0][k] + 1e-6).log().mean() if k.any() else ce * 0
    sp = F.cross_entropy(sl[..., 0], span[:, 0]) + F.cross_entropy(sl[..., 1], span[:, 1])
    loss = ce + 0.3 * guide + 0.3 * sp
    if wrong == "flat" and neg.any():
        first = (torch.arange(y.shape[1], device=y.device) == 1) & neg[:, None]
        loss = loss + 0.03 * -F.log_softmax(logits[first[spoken]], -1).mean()
    return loss, (ce.item(), guide.item(), sp.item())


@torch.no_grad()
def copy_init(m, tok_rows, pad, alpha=1.0):
    """Start the last cross-attention as a copier: its value/output maps are the
    least-squares map from encoder states to that position's word embedding."""
    H, E = [], []
    for b in tok_rows:
        x = torch.full((len(b), max(map(len, b))), pad)
        for i, r in enumerate(b):
            x[i, :len(r)] = torch.tensor(r)
        h = m.model.encoder(x, attention_mask=(x != pad)).last_hidden_state
        k = x != pad
        H.append(h[k])
        E.append(m.model.shared.weight[x[k]])
    H, E = torch.cat(H), torch.cat(E)
    mu = E.mean(0)
    A = torch.linalg.lstsq(torch.cat([H, torch.ones(len(H), 1)], 1), E - mu).solution
    ca = m.model.decoder.layers[-1].encoder_attn
    scale = alpha / (E - mu).std()
    ca.v_proj.weight.copy_(A[:-1].T * scale)
    ca.v_proj.bias.copy_(A[-1] * scale)
    ca.out_proj.weight.copy_(torch.eye(len(mu)))
    ca.out_proj.bias.zero_()
    res = ((torch.cat([H, torch.ones(len(H), 1)], 1) @ A - (E - mu)) ** 2).mean() / ((E - mu) ** 2).mean()
    return float(res)


@torch.no_grad()
def evaluate(m, tok, ids, recs, dev, limit=120, words=110):
    m.eval()
    rng = random.Random(1)
    em = f1 = n = 0
    outs = []
    recs = recs[:limit]
    for i in range(0, len(recs), 20):
        ch = recs[i:i + 20]
        texts = []
        for r in ch:
            w = sentence_window(r["p"], r["a"][0], rng, words)
            texts.append(f"{r['t']} / {w[0] if w else r['p']} // {r['q']}")
        enc = [e.ids[:400] for e in tok.encode_batch(texts)]
        x = torch.full((len(enc), max(map(len, enc))), ids["[PAD]"])
        for k, e in enumerate(enc):
            x[k, :len(e)] = torch.tensor(e)
        x = x.to(dev)
        g = m.generate(input_ids=x, attention_mask=(x != ids["[PAD]"]).long(), num_beams=1, max_length=24)
        for r, o in zip(ch, g.tolist()):
            a = tok.decode([t for t in o if t not in (ids["[CLS]"], ids["[SEP]"], ids["[PAD]"])])
            e, f = best_scores(a, r["a"])
            em += e
            f1 += f
            n += 1
            outs.append((r["q"], a, r["a"][0]))
    m.train()
    return 100 * em / n, 100 * f1 / n, outs


class Average:
    """Moving average of the trained parameters."""

    def __init__(self, params, decay):
        self.p, self.decay = params, decay
        self.v = [p.detach().clone() for p in params]

    @torch.no_grad()
    def update(self, step):
        d = min(self.decay, step / (step + 10))
        torch._foreach_lerp_(self.v, [p.detach() for p in self.p], 1 - d)

    @torch.no_grad()
    def swap(self):
        for p, v in zip(self.p, self.v):
            t = p.detach().clone()
            p.copy_(v)
            v.copy_(t)


def bf16_pays():
    """bf16 matrix products on CPUs with AVX512_BF16 or AMX: about 2.7 times faster than f32."""
    if torch.cuda.is_available():
        return True
    try:
        flags = Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def ramp(text):
    """`0.5` or `0.5-0.2`: a number, or one that changes evenly from start to end of the run."""
    start, _, end = text.partition("-")
    return float(start), float(end or start)


def split_times(arg):
    path, _, times = arg.rpartition(":")
    try:
        return (Path(path), ramp(times)) if path else (Path(arg), (1.0, 1.0))
    except ValueError:
        return Path(arg), (1.0, 1.0)


def endless(recs, rng):
    """The records again and again, each time in another order."""
    while True:
        yield from rng.sample(recs, len(recs))


def mixture(sources, count, done, rng):
    """The next `count` records, of each source as many as its size times its weight at this point of the run says."""
    share = [size * (t[0] + (t[1] - t[0]) * done) for _, size, t in sources]
    out = []
    for (records, _, _), s in zip(sources, share):
        out += [next(records) for _ in range(round(count * s / sum(share)))]
    rng.shuffle(out)
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--base", type=Path, required=True, help="BERT directory: model.safetensors, vocab.txt, tokenizer.json")
    ap.add_argument("--train", nargs="+", required=True, help="files; FILE:2 is read twice as often as FILE, FILE:1-0.2 ever more seldom")
    ap.add_argument("--dev", type=Path, nargs="+", required=True)
    ap.add_argument("--out", type=Path, required=True)
    ap.add_argument("--resume", type=Path)
    ap.add_argument("--vocab", type=int, default=14000)
    ap.add_argument("--enc", default="0,1,2,3")
    ap.add_argument("--dec", default="4,5")
    ap.add_argument("--total-tokens", type=float, default=8e6)
    ap.add_argument("--decay-tokens", type=float, default=5e6)
    ap.add_argument("--tokens", type=int, default=3000, help="input tokens per step")
    ap.add_argument("--lr", type=float, default=4e-4)
    ap.add_argument("--enc-lr", type=float, default=2e-4)
    ap.add_argument("--warmup", type=int, default=150)
    ap.add_argument("--neg", type=ramp, default=ramp("0.1"), help="share of rows with a passage that does not answer; A-B ramps")
    ap.add_argument("--short-bias", type=ramp, default=ramp("0.4"), help="share of passages cut to 45 words; A-B ramps")
    ap.add_argument("--wrong", choices=["flat", "nothing"], default="flat", help="what is learned from a passage that does not answer")
    ap.add_argument("--swap", type=float, default=0.0, help="share of answerable rows whose answer is replaced by another of its shape")
    ap.add_argument("--max-tokens", type=int, default=220)
    ap.add_argument("--average", type=float, default=0.998, help="decay of the moving average, per step")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--eval-every", type=int, default=600)
    ap.add_argument("--f32", action="store_true", help="no bf16 even where the CPU has it")
    ar = ap.parse_args()
    torch.set_num_threads(ar.threads)
    torch.manual_seed(ar.seed)
    rng = random.Random(ar.seed)
    dev = "cuda" if torch.cuda.is_available() else "cpu"
    amp = bf16_pays() and not ar.f32
    sd = load_file(ar.base / "model.safetensors")
    vocab = (ar.base / "vocab.txt").read_text().split("\n")
    vocab = vocab[:-1] if vocab[-1] == "" else vocab
    sources = [(list(read([p], "train")), t) for p, t in map(split_times, ar.train)]
    recs = [r for s, _ in sources for r in s]
    sources = [(endless(s, rng), len(s), t) for s, t in sources]
    by_title = {}
    for r in recs:
        if r["t"]:
            by_title.setdefault(r["t"], []).append(r)
    answers = Answers(recs)
    devrecs = list(read(ar.dev, "dev"))
    random.Random(3).shuffle(devrecs)
    if ar.resume:
        kept = [w for w in (ar.resume / "vocab.txt").read_text().split("\n") if w]
    else:  # piece counts from our own text decide which whole words stay
        full = Tokenizer.from_file(str(ar.base / "tokenizer.json"))
        full.no_truncation()
        full.no_padding()
        counts = {}
        texts = sorted({r["p"] for r in recs}) + [r["q"] for r in recs]
        for e in full.encode_batch(texts, add_special_tokens=False):
            for t in e.tokens:
                counts[t] = counts.get(t, 0) + 1
        kept = choose(vocab, ar.vocab, {t: c for t, c in counts.items() if c >= 3})
    ids = write_tokenizer(ar.base / "tokenizer.json", kept, ar.out)
    tok = Tokenizer.from_file(str(ar.out / "tokenizer.json"))
    rank = {w: i for i, w in enumerate(vocab)}
    rows = torch.tensor([rank[w] for w in kept])
    m = bart_from_bert(sd, rows, ids, [int(i) for i in ar.enc.split(",")], [int(i) for i in ar.dec.split(",")])
    m.set_attn_implementation("eager")
    m.eval()
    span_head = torch.nn.Linear(384, 2)
    if ar.resume:
        m.load_state_dict(load_file(ar.resume / "model.safetensors"), strict=False)
        m.tie_weights()
        if (ar.resume / "span.pt").exists():
            span_head.load_state_dict(torch.load(ar.resume / "span.pt"))
    else:
        sample = [e.ids for e in tok.encode_batch([f"{r['t']} / {r['p'][:300]} // {r['q']}" for r in rng.sample(recs, 300)])]
        print("copy init residual", round(copy_init(m, [sample[i:i + 20] for i in range(0, 300, 20)], ids["[PAD]"]), 3))
    m.to(dev).train()
    span_head.to(dev)
    m.model.shared.weight.requires_grad_(False)  # the retriever's table: shipped once
    encp = [p for n, p in m.named_parameters() if p.requires_grad and n.startswith("model.encoder")]
    decp = [p for n, p in m.named_parameters() if p.requires_grad and not n.startswith("model.encoder")]
    opt = torch.optim.AdamW([dict(params=encp, lr=ar.enc_lr), dict(params=decp, lr=ar.lr),
                             dict(params=span_head.parameters(), lr=1e-3)], weight_decay=0.01, fused=True)
    base_lr = [g["lr"] for g in opt.param_groups]
    avg = Average(encp + decp, ar.average)
    print(f"{sum(p.numel() for p in m.parameters())/1e6:.1f}M parameters, vocabulary {len(kept)}, device {dev}, "
          f"bf16 {amp}, {len(recs)} questions", flush=True)
    t0 = time.time()
    step = seen_ex = seen_tok = 0
    total, decay, peak, f = ar.total_tokens, ar.decay_tokens, 1.0, 1.0
    log = []
    logf = (ar.out / "log.jsonl").open("a")
    signal = ar.out / "decay-now"

    def note(**line):
        logf.write(json.dumps(line) + "\n")
        logf.flush()

    def save(d):
        m.save_pretrained(d, safe_serialization=True)
        torch.save(span_head.state_dict(), d / "span.pt")

    def report():
        (ar.out / "raw").mkdir(exist_ok=True)
        save(ar.out / "raw")
        avg.swap()
        em, f1, outs = evaluate(m, tok, ids, devrecs, dev)
        save(ar.out)
        avg.swap()
        a = [round(sum(v) / len(v), 3) for v in zip(*log[-200:])] if log else []
        line = dict(step=step, examples=seen_ex, tokens=seen_tok, minutes=round((time.time() - t0) / 60, 2),
                    em=round(em, 1), f1=round(f1, 1), losses=a)
        print("DEV", line, outs[:4], flush=True)
        note(**line)

    if not ar.resume:
        report()
    while seen_tok < total:
        done = min(1.0, seen_tok / total)
        neg, short = (a + (b - a) * done for a, b in (ar.neg, ar.short_bias))
        rws = build_rows(mixture(sources, 6000, done, rng), by_title, tok, ids, rng, ar.max_tokens, neg, short, answers, ar.swap)
        for b in batches(rws, ar.tokens, rng):
            if signal.exists():
                decay = float(signal.read_text())
                total = seen_tok + decay
                signal.unlink()
                peak = f  # from where it is now
                note(decay_from=seen_tok, decay_tokens=decay)
            prog = min(1.0, max(0.0, (seen_tok - (total - decay)) / decay))
            f = min(1.0, (step + 1) / ar.warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * prog))) * peak
            for g, l in zip(opt.param_groups, base_lr):
                g["lr"] = l * f
            batch = collate(b, ids["[PAD]"], dev)
            loss, parts = losses(m, span_head, batch, ids, amp, ar.wrong)
            opt.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(encp + decp, 1.0)
            opt.step()
            step += 1
            avg.update(step)
            seen_ex += len(b)
            seen_tok += sum(len(r[0]) for r in b)
            log.append(parts)
            if step % 20 == 0:
                a = [sum(v) / len(v) for v in zip(*log[-20:])]
                el = time.time() - t0
                print(f"step {step} ex {seen_ex} tok {seen_tok} lr x{f:.3f} ce {a[0]:.3f} guide {a[1]:.3f} "
                      f"span {a[2]:.3f} {seen_ex/el:.1f} ex/s {seen_tok/el:.0f} tok/s {el/60:.1f} min", flush=True)
            if step % ar.eval_every == 0:
                report()
            if seen_tok >= total:
                break
    report()


if __name__ == "__main__":
    main()
