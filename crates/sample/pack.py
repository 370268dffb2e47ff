#!/usr/bin/env python3
"""Packs articles/*.wiki into data/ragdex-sample.xml.bz2, a MediaWiki dump like Wikipedia's own.

    python3 pack.py            write the dump
    python3 pack.py --check    exit with 1 when the dump is not what the articles give

Needs Python 3.9 or newer and nothing else. The same articles give the same bytes: page ids count up
in the order of titles, times are fixed.
"""

import bz2
import hashlib
import pathlib
import sys
from xml.sax.saxutils import escape

HERE = pathlib.Path(__file__).resolve().parent
DUMP = HERE / "data" / "ragdex-sample.xml.bz2"
TIMESTAMP = "2026-11-20T00:00:00Z"
NAMESPACES = {
    -2: "Media", -1: "Special", 0: "", 1: "Talk", 2: "User", 3: "User talk", 4: "Sample", 5: "Sample talk",
    6: "File", 7: "File talk", 8: "MediaWiki", 9: "MediaWiki talk", 10: "Template", 11: "Template talk",
    12: "Help", 13: "Help talk", 14: "Category", 15: "Category talk",
}
# Other names under which the encyclopedia knows a subject: redirect pages, as in a real dump.
REDIRECTS = {
    "Reykjavik": "Reykjavík",
    "Brasilia": "Brasília",
    "UN Secretary-General": "Secretary-General of the United Nations",
    "Parmesan": "Parmigiano Reggiano",
    "Ninth Symphony": "Symphony No. 9 (Beethoven)",
}


def base36(number):
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(31, "0")


def articles():
    for path in HERE.glob("articles/*.wiki"):
        head, _, body = path.read_text("utf-8").partition("\n")
        assert head.startswith("title: "), f"{path}: the first line must be `title: …`"
        yield head[len("title: "):].strip(), None, body.strip("\n")


def page(page_id, title, target, text):
    redirect = f'    <redirect title="{escape(target, {chr(34): "&quot;"})}" />\n' if target else ""
    sha1 = base36(int(hashlib.sha1(text.encode()).hexdigest(), 16))
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>0</ns>\n    <id>{page_id}</id>\n{redirect}"
        f"    <revision>\n      <id>{1000 + page_id}</id>\n      <timestamp>{TIMESTAMP}</timestamp>\n"
        f"      <contributor><username>The ragdex authors</username><id>1</id></contributor>\n"
        f"      <model>wikitext</model>\n      <format>text/x-wiki</format>\n"
        f'      <text xml:space="preserve">{escape(text)}</text>\n      <sha1>{sha1}</sha1>\n'
        f"    </revision>\n  </page>\n"
    )


def dump():
    pages = sorted(articles())
    titles = {title for title, _, _ in pages}
    for source, target in REDIRECTS.items():
        assert target in titles and source not in titles, f"redirect {source} → {target}"
        pages.append((source, target, f"#REDIRECT [[{target}]]"))
    namespaces = "".join(
        f'      <namespace key="{key}" case="first-letter">{name}</namespace>\n' for key, name in NAMESPACES.items()
    )
    head = (
        '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.10/" version="0.10" xml:lang="en">\n  <siteinfo>\n'
        "    <sitename>ragdex sample encyclopedia</sitename>\n    <dbname>ragdexsample</dbname>\n"
        "    <base>https://example.org/wiki/Main_Page</base>\n    <generator>ragdex pack.py</generator>\n"
        f"    <case>first-letter</case>\n    <namespaces>\n{namespaces}    </namespaces>\n  </siteinfo>\n"
    )
    body = "".join(page(number, *entry) for number, entry in enumerate(pages, 1))
    return bz2.compress((head + body + "</mediawiki>\n").encode(), 9)


def main():
    packed = dump()
    if "--check" in sys.argv[1:]:
        if DUMP.read_bytes() != packed:
            sys.exit(f"{DUMP.name} is not what the articles give: run pack.py")
        return
    DUMP.parent.mkdir(exist_ok=True)
    DUMP.write_bytes(packed)
    print(f"{DUMP}: {len(packed)} bytes")


if __name__ == "__main__":
    main()
