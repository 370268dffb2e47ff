"""Choose `--min-confidence`: what an answer's confidence says about its being right.

    python confidence.py prepare NEW_WIKI.jsonl.gz DIR
    ragdex build DIR/with-kb DIR/with.jsonl;  ragdex build DIR/without-kb DIR/without.jsonl
    for kb in with without; do
      ragdex answer DIR/$kb-kb --min-confidence 0 --json < DIR/questions.txt > DIR/$kb.answers
    done
    python confidence.py curve DIR [--least 0.05]

The questions of the held-out articles are asked twice: of all passages (`with`), and of the passages of the other
articles alone (`without`), where every answer is wrong and every refusal right. Even questions choose the threshold,
odd ones tell what it is worth. Needs nothing but Python.
"""
import argparse
import json
import math
from pathlib import Path

from metrics import best_scores


def records(path):
    import gzip
    with gzip.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def prepare(data, out):
    out.mkdir(parents=True, exist_ok=True)
    seen, asked = set(), {}
    files = {name: (out / f"{name}.jsonl").open("w") for name in ("with", "without")}
    for number, record in enumerate(records(data)):
        is_held_out = record["split"] == "dev"
        if is_held_out:
            asked.update({" ".join(q.split()): a for q, a in record["qa"]})
        if record["p"] in seen:
            continue
        seen.add(record["p"])
        row = json.dumps({"key": str(number), "title": record["t"], "text": record["p"]}, ensure_ascii=False)
        for name, file in files.items():
            if name == "with" or not is_held_out:
                file.write(row + "\n")
    (out / "questions.txt").write_text("".join(f"{q}\n" for q in asked))
    (out / "answers.json").write_text(json.dumps(asked, ensure_ascii=False))
    print(f"{len(seen)} passages, {len(asked)} questions")


# What confidence might be, from one line of `ragdex answer --json`. The second is what ragdex calls so.
def tokens(line):
    return [t["probability"] for t in line["candidates"][0]["provenance"][1:]]


def geometric(probabilities):
    logs = [math.log(max(p, 1e-30)) for p in probabilities]
    return math.exp(sum(logs) / max(1, len(logs)))


CONFIDENCES = {
    "product of all tokens": lambda line: math.prod(tokens(line)),
    "geometric mean of all tokens": lambda line: geometric(tokens(line)),
    "geometric mean without the end": lambda line: geometric(tokens(line)[:-1]),
    "first token": lambda line: tokens(line)[0],
    "smallest": lambda line: min(tokens(line)),
    "score of the best passage": lambda line: line["passages"][0]["score"],
    "posterior of the best passage": lambda line: max(p["posterior"] for p in line["passages"]),
}


def area(right, wrong):
    """The chance that a right answer has the larger confidence of the two; ties count half."""
    ranked = sorted([(c, 1) for c in right] + [(c, 0) for c in wrong])
    below = total = 0.0
    i = 0
    while i < len(ranked):
        j = i
        while j < len(ranked) and ranked[j][0] == ranked[i][0]:
            j += 1
        hits = sum(kind for _, kind in ranked[i:j])
        misses = j - i - hits
        total += hits * (below + misses / 2)
        below += misses
        i = j
    return total / (len(right) * len(wrong))


def read(folder):
    """-> for each question (EM, F1, line asked of all passages, line asked of the others)"""
    gold = json.loads((folder / "answers.json").read_text())
    lines = [[json.loads(line) for line in (folder / f"{name}.answers").open()] for name in ("with", "without")]
    assert len(lines[0]) == len(lines[1]) == len(gold)
    rows = []
    for one, other in zip(*lines):
        assert one["question"] == other["question"]
        said = one["candidates"][0]["text"]
        rows.append((*best_scores(said, gold[one["question"]]), one, other))
    return rows


def at(rows, threshold, confidence):
    """What a threshold gives: shares in percent."""
    given = [(em, f1) for em, f1, one, _ in rows if confidence(one) >= threshold]
    false = sum(confidence(other) >= threshold for *_, other in rows)
    right = sum(em for em, _ in given)
    everything = sum(em for em, *_ in rows)
    share = lambda part, whole: 100 * part / max(1, whole)
    return {
        "given": share(len(given), len(rows)),
        "EM of given": share(right, len(given)),
        "F1 of given": share(sum(f1 for _, f1 in given), len(given)),
        "right ones kept": share(right, everything),
        "refused without": share(len(rows) - false, len(rows)),
        "EM over both": share(right, len(given) + false),
    }


def curve(folder, least):
    rows = read(folder)
    choose, report = rows[::2], rows[1::2]
    print("confidence, area under the curve: right against wrong, right against asked without the article")
    for name, confidence in CONFIDENCES.items():
        right = [confidence(one) for em, _, one, _ in choose if em]
        wrong = [confidence(one) for em, _, one, _ in choose if not em]
        without = [confidence(other) for *_, other in choose]
        print(f"  {name:32} {area(right, wrong):.3f} {area(right, without):.3f}")
    confidence = lambda line: line["confidence"]
    steps = [i * least for i in range(round(1 / least))]
    for half, part in [("even questions", choose), ("odd questions", report)]:
        print(f"\n{half}, {len(part)}")
        print("| threshold | " + " | ".join(at(part, 0, confidence)) + " |")
        for step in steps:
            print(f"| {step:.2f} | " + " | ".join(f"{x:.1f}" for x in at(part, step, confidence).values()) + " |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["prepare", "curve"])
    parser.add_argument("paths", type=Path, nargs="+")
    parser.add_argument("--least", type=float, default=0.05, help="distance of the thresholds shown")
    options = parser.parse_args()
    if options.what == "prepare":
        prepare(*options.paths)
    else:
        curve(*options.paths, options.least)


if __name__ == "__main__":
    main()
