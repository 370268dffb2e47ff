#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets, the folders beside this file.

    python3 tests/fuzz/seeds/make.py

Needs Python 3.9 or newer and nothing else. The same cases give the same bytes. The form of an input
is told by the function of its target in `../src`.
"""

import bz2
import gzip
import io
import json
import pathlib
import pickle
import struct
import tarfile
import zlib
from xml.sax.saxutils import escape, quoteattr

HERE = pathlib.Path(__file__).resolve().parent
CASES = HERE.parents[2] / "crates" / "wikitext" / "tests" / "data" / "cases.jsonl"

PAGE = "An '''abacus'''<ref>Check.</ref> is a [[tool]].\n== Use ==\nIt {{lang|fr|compte}} &amp; adds.\n\nMore."
SITE = (
    "<siteinfo><sitename>Wikipedia</sitename><base>https://en.wikipedia.org/wiki/Main_Page</base>"
    '<case>first-letter</case><namespaces><namespace key="-1">Special</namespace><namespace key="0" />'
    '<namespace key="6">File</namespace><namespace key="10">Template</namespace></namespaces></siteinfo>'
)


def wikitext():
    """A page for each golden case, with options that go round."""
    options = "@ABDFGHP"
    for i, line in enumerate(CASES.read_text(encoding="utf-8").splitlines()):
        case = json.loads(line)
        title = case["name"].replace("_", " ")
        yield case["name"], f"{options[i % len(options)]}{title}\n{case['wikitext']}".encode()


def page(number, title, text, namespace=0, extra="", model="wikitext"):
    return (
        f"<page><title>{escape(title)}</title><ns>{namespace}</ns><id>{number}</id>{extra}<revision>"
        f"<id>{number + 1000}</id><parentid>7</parentid><timestamp>2016-05-23T16:34:10Z</timestamp>"
        f"<contributor><username>A</username><id>5</id></contributor><model>{model}</model>"
        f'<format>text/x-wiki</format>{text}<sha1>4ro7vvppa5kmm0o1egfjztzcwd0vabw</sha1></revision></page>\n'
    )


def body(text):
    return f'<text xml:space="preserve">{escape(text)}</text>'


def xml(*pages, site=SITE):
    root = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">'
    return f"{root}\n{site}\n{''.join(pages)}</mediawiki>\n"


def dumps():
    good = page(10, "Abacus", body(PAGE))
    yield "article", "@", xml(good)
    yield "threads", "L", xml(good, page(11, "A & B", body("b")), good)
    yield "strict", "A", xml(good, "<page><title>C</title></page>")
    yield "bad_pages", "H", xml("<page/>", "<page><id>x</id></page>", good)
    yield "drqa", "B", xml(page(12, "E (disambiguation)", body("{{disambig}}\ne")), good)
    redirect = f"<redirect title={quoteattr('Abacus <1>')} />"
    yield "redirect", "@", xml(page(13, "F", body("#REDIRECT [[Abacus]]"), extra=redirect))
    yield "namespaces", "@", xml(page(14, "Template:G", body("g"), namespace=10), page(15, "M", body("m"), model="css"))
    yield "withheld", "D", xml(page(16, "H", '<text deleted="deleted" />'), page(17, "I", '<text id="1" location="tt:1" />'))
    yield "empty", "@", xml(page(18, "J", "<text/>"), page(19, "K", '<text bytes="0" />'))
    yield "cdata", "@", xml(page(20, "L", "<text><![CDATA[l]]>&#x41;&#0;&nbsp;&<!-- c --></text>"))
    yield "slots", "@", xml(page(21, "N", body("n") + "<content><role>aux</role><text>x</text></content>"))
    yield "fragment", "D", good
    yield "cut", "@", xml(good)[:-30]
    yield "keep_going", "\\", xml(good, "<page><title>x</y>", page(24, "Q", body("q")), good)[:-30]
    yield "utf16", "H", xml(good).encode("utf-16")
    yield "latin1", "@", xml(page(22, "O", body("é"))).encode("latin-1")
    yield "doctype", "@", '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]>' + xml(page(23, "P", "<text>&b;</text>"), site="")


def dump():
    for name, option, content in dumps():
        yield name, option.encode() + (content if isinstance(content, bytes) else content.encode())


JSONL = '{"id": 1, "title": "A", "text": "b\\n\\nc"}\n{"_id": "2", "contents": "A\\nb"}\n{"text": ["a", null]}\n[]\nx\n'
CSV = 'id,title,text\n1,A,"b, ""c""\nd"\n2,,e\n'
TSV = 'Aruba\tAruba is an "island".\nBonaire\tSo is Bonaire.\n'
PSGS = 'id\ttext\ttitle\n1\t"Aaron ""was"" a prophet."\tAaron\n2\tplain\tAaron\n'
KILT = json.dumps(
    {
        "_id": "290", "wikipedia_id": "290", "wikipedia_title": "A", "history": {"revid": 5, "timestamp": "t"},
        "text": ["A\n", "A is a letter.\n", "Section::::Use.\n", "It is used.\n", "BULLET::::- item\n"],
    }
) + "\n"
CIRRUS = (
    '{"index":{"_type":"page","_id":"3825914"}}\n'
    '{"title":"A","namespace":0,"text":"A is. ^ ref","version":123456,"timestamp":"2014-06-29T15:51:09Z",'
    '"template":["Template:Disambiguation"],"heading":["Use"],"opening_text":"A is.","content_model":"wikitext"}\n'
)
ENTERPRISE = json.dumps(
    {
        "name": "A", "identifier": 10, "url": "https://en.wikipedia.org/wiki/A", "version": {"identifier": 7},
        "date_modified": "2024-01-01T00:00:00Z", "namespace": {}, "in_language": {"identifier": "en"},
        "article_body": {"html": '<html><head><title>A</title></head><body><section data-mw-section-id="0"><p>A'
            '<sup class="reference">[1]</sup> is.</p><table class="infobox"><tr><td>x</td></tr></table></section>'
            '<section data-mw-section-id="1"><h2>Use</h2><p>Used &amp; kept.</p></section></body></html>'},
    }
) + "\n"
EXTRACTOR = '{"id": "1", "revid": "2", "url": "https://en.wikipedia.org/wiki?curid=1", "title": "A", "text": "A\\n\\nUse.\\nb"}\n'
DOCS = '<doc id="1" revid="2" url="u" title="A &amp; B">\nA & B\n\nText.\n\nSection::::Use.\nBULLET::::- b\n\n</doc>\n'
TEXT = "First paragraph.\r\nGoes on.\r\n\r\nSecond.\n"
MARKDOWN = (
    "---\ntitle: A\n---\n# B\n\nText *is* [kept](x), ![not](y).\n\n## C\n\n- one\n- two\n\n"
    "```rust\nfn a() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n> quote\n\n<div>html</div>\n"
)
HTML = (
    "<!DOCTYPE html><html><head><title>A &eacute;</title><style>p{}</style></head><body><nav>n</nav><h1>B</h1>"
    "<p>Text<br>goes <b>on</b>.</p><!-- c --><h2>C</h2><ul><li>one<li>two</ul><pre>code</pre><script>s</script>"
    "<table><tr><td>x</table></body></html>"
)


def tar(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content.encode())
            archive.addfile(entry, io.BytesIO(content.encode()))
    return out.getvalue()


def source():
    """Each format by name and by content, packed in each way; the lower bits choose as `@` to `O`."""
    formats = [
        ("auto", "@", JSONL), ("jsonl", "A", JSONL), ("csv", "B", CSV), ("tsv", "C", TSV), ("psgs", "D", PSGS),
        ("kilt", "E", KILT), ("cirrus", "F", CIRRUS), ("enterprise", "G", ENTERPRISE), ("extractor", "H", EXTRACTOR),
        ("docs", "H", DOCS), ("text", "I", TEXT), ("markdown", "J", MARKDOWN), ("html", "K", HTML),
        ("auto_md", "L", MARKDOWN), ("auto_html", "M", HTML), ("auto_csv", "N", CSV), ("dump", "O", xml(page(1, "A", body(PAGE)))),
        ("auto_docs", "@", DOCS), ("auto_cirrus", "@", CIRRUS), ("auto_kilt", "@", KILT), ("auto_psgs", "@", PSGS),
    ]
    options = "@ABC`acDHP"
    for i, (name, choice, content) in enumerate(formats):
        yield name, (choice + options[i % len(options)] + content).encode()
    yield "utf16", b"@`" + JSONL.encode("utf-16")
    yield "latin1", b"I@" + "Tëxt.".encode("latin-1")
    yield "nul", b"I@a\0b"
    two = bz2.compress(JSONL[:40].encode()) + bz2.compress(JSONL[40:].encode())
    yield "bzip2_streams", b"A`" + two
    yield "bzip2_cut", b"A`" + two[:-9]
    yield "gzip_cut", b"A@" + gzip.compress(JSONL.encode(), mtime=0)[:-9]
    yield "gzip_members", b"A`" + 2 * gzip.compress(JSONL.encode(), mtime=0)
    # A raw block of Zstandard: magic, a descriptor of one segment with its length, the block.
    text = b'{"text": "a"}\n'
    block = (len(text) << 3 | 1).to_bytes(3, "little")
    yield "zstd_raw", b"A`\x28\xb5\x2f\xfd\x20" + bytes([len(text)]) + block + text
    yield "keep_going", bytes([ord("O"), 0x80 | 0x20]) + two[:-9]
    yield "tar", b"@`" + tar({"a.ndjson": ENTERPRISE, "b.txt": "x", "c.ndjson": ENTERPRISE})
    yield "tar_gzip", b"@`" + gzip.compress(tar({"a.jsonl": JSONL}), mtime=0)
    yield "zip", b"@@PK\x03\x04" + zlib.compress(b"a")


def split():
    """Rule, tail, words, overlap, then title and lines."""
    text = "The Title\nOne two three. Four five!\x0cSix seven\n=Use\neight nine ten (eleven)\n=Use=Deep\n語彙を数える、「はい」。 a  b\n"
    for rule in range(6):
        for tail in range(5):
            overlap = 0 if rule == 4 else tail % 3
            yield f"rule{rule}_tail{tail}", bytes([ord("@") + rule + (8 if tail == 4 else 0), ord("A") + tail, 3 + rule, overlap]) + text.encode()


TENSOR = b"ctorch._utils\n_rebuild_tensor_v2\n("
ORDERED = b"ccollections\nOrderedDict\n)R"


def word(text):
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def weights(shape=b"K\x02K\x02\x86", strides=b"K\x02K\x01\x86", tensor=TENSOR):
    """What PyTorch writes for one tensor `x`, with these pickled numbers."""
    storage = b"(" + word("storage") + b"ctorch\nFloatStorage\n" + word("0") + word("cpu") + b"K\x04NtQ"
    rest = b"K\x00" + shape + strides + b"\x89" + ORDERED + b"tR"
    return b"\x80\x02}(" + word("x") + tensor + storage + rest + b"u."


def pickles():
    """A byte of options, then a pickle: those of weights, then what Python itself writes."""
    huge = b"\x8a\x08" + 7 * b"\xff" + b"\x7f"
    yield "weights", b"A" + weights()
    yield "weights_refused", b"@" + weights()
    yield "weights_long", b"C" + weights()
    yield "code", b"A" + weights(tensor=b"cos\nsystem\n(")
    yield "huge", b"A" + weights(shape=huge + huge + b"\x86")
    yield "deep", b"@\x80\x02" + 2000 * b"(" + b"."
    yield "nested", b"@\x80\x02" + 500 * b"]" + 499 * b"a" + b"."
    yield "cut", b"A" + weights()[:-20]
    circle = []
    circle.append(circle)
    things = {"text": "é", 1: [2.5, None, True, (3, b"4")], "long": 1 << 90, "circle": circle}
    for protocol in range(2, 6):
        yield f"protocol{protocol}", b"@" + pickle.dumps(things, protocol)
    yield "set", b"@" + pickle.dumps({1}, 4)


def entry(path, n_bytes=10):
    return {"path": path, "bytes": n_bytes, "sha256": "00" * 32}


def manifest_of(parts, **fields):
    """A manifest that agrees with itself, but for what `fields` say otherwise."""
    sums = [sum(part[f"n_{what}"] for part in parts) for what in ("documents", "passages")]
    manifest = {
        "format": 1,
        "reader": {"format": 1, "ragdex": "0.1.0"},
        "snapshot": 3,
        "parent": 2,
        "created": "2026-11-01T00:00:00Z",
        "command": "refresh",
        "ragdex": "0.1.0",
        "plan": "00" * 32,
        "documents": sums[0],
        "passages": sums[1],
        "next_passage": max([part["end_passage"] for part in parts], default=0),
        "next_part": len(parts),
        "embedding": {"dim": 4, "element": "f32"} if parts else None,
        "parts": parts,
        "encoder": None,
        "splitting": {"rule": "plain", "words": 100, "overlap": 0, "tail": None},
        "indexes": [{"kind": "exact", "parameters": {"share": 0.1}, "files": []}],
        "source": {"paths": ["a.xml"], "format": "mediawiki"},
        "licences": ["CC0"],
        "build": {},
    }
    return json.dumps(manifest | fields).encode()


def part(number, first=None):
    first = 7 * number if first is None else first
    names = {"documents": "parquet", "passages": "parquet", "embeddings": "arrow"}
    files = {name: entry(f"{name}/part-{number:05}.{end}") for name, end in names.items()}
    return {"number": number, "n_documents": 2, "n_passages": 7, "first_passage": first, "end_passage": first + 7} | files


def manifests():
    """A byte of options, then the manifest."""
    whole = [part(0), part(1)]
    yield "whole", b"A" + manifest_of(whole)
    yield "empty", b"A" + manifest_of([])
    yield "outside", b"A" + manifest_of([part(0) | {"passages": entry("../passages/part-00000.parquet")}])
    yield "twice", b"A" + manifest_of([part(0), part(1) | {"passages": entry("passages/part-00000.parquet")}])
    yield "order", b"A" + manifest_of([part(0, 7), part(1, 0)])
    yield "huge", b"A" + manifest_of([part(0) | {"n_passages": (1 << 64) - 1}])
    yield "newer", b"@" + manifest_of(whole, reader={"format": 2, "ragdex": "0.9.0"})
    mask = {"file": entry("documents/part-00000.00000003.deleted", 2), "n_documents": 1, "n_passages": 3}
    yield "deleted", b"A" + manifest_of([part(0) | {"deleted": mask}], documents=1, passages=4)
    graph = {"kind": "hnsw", "parameters": {"segments": []}, "files": [entry("index/hnsw-00000-00000003.graph")]}
    yield "graph", b"A" + manifest_of(whole, indexes=[graph])
    yield "checksum", b"A" + manifest_of(whole, checksum="00" * 32)
    yield "deep", b"A" + manifest_of([])[:-1] + b', "x": ' + 500 * b"[" + 500 * b"]" + b"}"


def edits(*changes, cut=None):
    """As `src/edits.rs` reads them: options, where to cut, then places and values."""
    head = b"@" if cut is None else b"A" + struct.pack("<H", cut)
    return head + b"".join(struct.pack("<HB", place, value) for place, value in changes)


def base():
    """A byte for the file, a byte of options, then changes."""
    for file in range(20):
        for forged in b"@A":
            yield f"file{file}_{chr(forged).replace('@', 'x')}_cut", bytes([ord("@") + file, forged]) + edits(cut=100 + file)
        yield f"file{file}_changed", bytes([ord("@") + file]) + b"@" + edits((3, 0), (200, 255), (999, 7))
        yield f"file{file}_end", bytes([ord("@") + file]) + b"@" + edits(((1 << 16) - 1 - file, 1))
    yield "whole", b"@@@"


def index():
    """A byte of options, then changes."""
    for name, kind in [("graph", 0), ("codes", 1)]:
        for seal in (0, 2):
            head = bytes([ord("@") + kind + seal])
            what = f"{name}_{'sealed' if seal else 'plain'}"
            yield f"{what}_whole", head + edits()
            yield f"{what}_cut", head + edits(cut=200)
            yield f"{what}_header", head + edits((8, 2), (12, 255))
            for place in range(24, 1200, 84):
                yield f"{what}_{place}", head + edits((place, 255), (place + 1, 127), (place + 9, 200))


def main():
    targets = [("wikitext", wikitext), ("dump", dump), ("source", source), ("split", split), ("pickle", pickles)]
    targets += [("manifest", manifests), ("base", base), ("index", index)]
    for target, inputs in targets:
        folder = HERE / target
        folder.mkdir(exist_ok=True)
        for name, content in inputs():
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
