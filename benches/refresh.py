#!/usr/bin/env python3
"""What a refresh costs when 1 % of the documents were edited.

    python3 benches/refresh.py target/release/ragdex DUMP.xml.bz2… [--passages 20000] [--rules section,plain,dpr]

Makes a corpus of at least so many passages from the pages of the dumps, repeated under other titles (so that no
two passages are equal), builds a knowledge base with the bundled encoder, edits one document in a hundred
(a sentence put in, taken out, a word changed, or a paragraph added at the end; seeded), refreshes, and
compares. Prints one JSON line for each splitting rule: the share of all passages that was embedded, the
share of the edited documents' own passages, and processor and wall seconds of build and refresh. Wall seconds
mean nothing on a busy machine. What is embedded does not depend on the encoder: `--context-encoder` names a small
one where only the shares are wanted. Needs Python 3.9 or newer and nothing else.
"""

import argparse
import bz2
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile
import time
from xml.sax.saxutils import escape, unescape

PAGE = re.compile(r"<page>.*?</page>", re.S)


def field(page, name):
    found = re.search(rf"<{name}[^>]*>(.*?)</{name}>", page, re.S)
    return unescape(found.group(1), {"&quot;": '"'}) if found else ""


def pages(dumps):
    for dump in dumps:
        opened = bz2.open(dump, "rt", encoding="utf-8") if dump.endswith("bz2") else open(dump, encoding="utf-8")
        with opened as file:
            for page in PAGE.findall(file.read()):
                if "<redirect" not in page and field(page, "ns") == "0" and len(field(page, "text")) > 2000:
                    yield field(page, "title"), field(page, "text")


def write(path, documents):
    with open(path, "w", encoding="utf-8") as file:
        file.write('<mediawiki xml:lang="en">\n')
        for key, (title, text, revision) in enumerate(documents, 1):
            file.write(
                f"<page><title>{escape(title)}</title><ns>0</ns><id>{key}</id><revision><id>{revision}</id>"
                f"<model>wikitext</model><text>{escape(text)}</text></revision></page>\n"
            )
        file.write("</mediawiki>\n")


def prose(lines):
    """Paragraphs: long lines that are no markup."""
    return [at for at, line in enumerate(lines) if len(line) > 200 and line[0] not in "{|*#=!<[:;"]


def edit(text, rng):
    """One edit of the usual kinds."""
    lines = text.split("\n")
    places = prose(lines)
    if not places:
        return text + "\n\nOne more sentence was added to this page by its last editor.\n"
    at = rng.choice(places)
    sentences = lines[at].split(". ")
    kind = rng.randrange(4)
    if kind == 0:
        sentences.insert(rng.randrange(len(sentences) + 1), "A sentence of some ten words was put in right here")
    elif kind == 1 and len(sentences) > 1:
        del sentences[rng.randrange(len(sentences))]
    elif kind == 2:
        words = lines[at].split(" ")
        words[rng.randrange(len(words))] = "altered"
        sentences = [" ".join(words)]
    else:
        sentences.append("The paragraph ends with a new sentence since the last edition")
    lines[at] = ". ".join(sentences)
    return "\n".join(lines)


def run(*command):
    """The JSON line of a command, its processor seconds and its wall seconds."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, command
    return json.loads(output), usage.ru_utime + usage.ru_stime, time.monotonic() - started


def measure(ragdex, rule, originals, n_passages, encoder, folder):
    source = folder / "source.xml"
    write(source, [(title, text, 1) for title, text in originals])
    split = folder / "split"
    counted, _, _ = run(ragdex, "split", source, "-o", split, "--splitter", rule, "--json")
    shutil.rmtree(split)
    copies = -(-n_passages // counted["passages"])
    documents = [
        [title if copy == 0 else f"{title} ({copy})", text, 1] for copy in range(copies) for title, text in originals
    ]
    write(source, documents)
    kb = folder / "kb"
    build, build_cpu, build_wall = run(ragdex, "build", kb, source, "--splitter", rule, "--json", *encoder)
    rng = random.Random(7)
    edited = rng.sample(range(len(documents)), max(1, len(documents) // 100))
    for place in edited:
        documents[place][1] = edit(documents[place][1], rng)
        documents[place][2] += 1
    write(source, documents)
    refresh, refresh_cpu, refresh_wall = run(ragdex, "refresh", kb, source, "--json")
    diff, _, _ = run(ragdex, "diff", kb, "1", "2", "--json")
    total = build["passages"]["total"]
    result = {
        "rule": rule,
        "documents": len(documents),
        "edited": len(edited),
        "passages": total,
        "embedded": refresh["embedded"],
        "embedded_share": round(refresh["embedded"] / total, 5),
        "embedded_per_edit": round(refresh["embedded"] / len(edited), 2),
        "passages_per_document": round(total / len(documents), 2),
        "build_cpu_seconds": round(build_cpu, 2),
        "refresh_cpu_seconds": round(refresh_cpu, 2),
        "cpu_share": round(refresh_cpu / build_cpu, 4),
        "build_wall_seconds": round(build_wall, 1),
        "refresh_wall_seconds": round(refresh_wall, 1),
        "changed_documents": diff["documents"]["changed"],
    }
    shutil.rmtree(kb)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ragdex")
    parser.add_argument("dumps", nargs="+")
    parser.add_argument("--passages", type=int, default=20000)
    parser.add_argument("--rules", default="section,plain,dpr")
    parser.add_argument("--context-encoder", help="in place of the bundled one")
    arguments = parser.parse_args()
    originals = list(pages(arguments.dumps))
    encoder = ["--context-encoder", arguments.context_encoder] if arguments.context_encoder else []
    with tempfile.TemporaryDirectory() as folder:
        for rule in arguments.rules.split(","):
            result = measure(arguments.ragdex, rule, originals, arguments.passages, encoder, pathlib.Path(folder))
            print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
