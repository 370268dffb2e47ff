#!/usr/bin/env python3
"""Dumps to JSON lines: ragdex, WikiExtractor and wikrs on the same input, in turns.

    python benches/peers/reading.py peers   SAMPLE.xml.bz2 [--megabytes 60] [--rounds 5]
    python benches/peers/reading.py threads SAMPLE.xml.bz2 [--megabytes 120] [--threads 2]
    python benches/peers/reading.py memory  SAMPLE.xml.bz2 [--megabytes 100 1000]

SAMPLE is a small dump; its pages are repeated, with new ids, up to the size asked for, as XML and as
multistream bzip2 with 100 pages a stream. `peers` prints medians of CPU seconds (user and system,
children included), `threads` wall seconds and their ratio, `memory` the largest resident set.

Programs that are not given are left out: `--ours` and `--wikrs` are commands in which `{input}`,
`{out}` and `{threads}` are put in, `--wikiextractor` is a Python that has the package. Needs Python
3.9 or newer; the package `wikiextractor` (3.1.0) and the program `wikrs` (0.4.0) are the user's to
install:

    pip install wikiextractor==3.1.0
    cargo install wikrs --version 0.4.0 --locked
"""

import argparse
import bz2
import os
import pathlib
import re
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

PAGES_PER_STREAM = 100
OURS = "ragdex split {input} -o {out} --to documents --threads {threads}"
WIKRS = "wikrs --format jsonl --engine {engine} --input {input}"
FIRST_ID = re.compile(rb"<id>\d+</id>")


class Sample:
    """The beginning and the pages of a small dump."""

    def __init__(self, path):
        xml = bz2.decompress(pathlib.Path(path).read_bytes())
        start = xml.index(b"  <page>")
        self.head = xml[:start]
        self.pages = [page + b"</page>\n" for page in xml[start:].split(b"</page>\n")[:-1]]

    def streams(self, n_bytes):
        """Pages in groups as a multistream dump has them, `n_bytes` of XML in all or a little more."""
        page_id, written = 0, len(self.head)
        while written < n_bytes:
            stream = []
            for _ in range(PAGES_PER_STREAM):
                page = self.pages[page_id % len(self.pages)]
                page_id += 1
                stream.append(FIRST_ID.sub(b"<id>%d</id>" % page_id, page, count=1))
            stream = b"".join(stream)
            written += len(stream)
            yield stream

    def write(self, folder, megabytes):
        """Writes both forms, unless they are there, and gives their paths."""
        paths = [folder / f"pages-{megabytes}mb.xml", folder / f"pages-{megabytes}mb.xml.bz2"]
        if not all(path.exists() for path in paths):
            with open(paths[0], "wb") as xml, open(paths[1], "wb") as packed:
                for stream in [self.head, *self.streams(megabytes * 10**6), b"</mediawiki>\n"]:
                    xml.write(stream)
                    packed.write(bz2.compress(stream))
        return paths


class Run:
    """What one command took, measured by a process of its own: a large parent shows in the child's peak."""

    def __init__(self, command, out):
        measure = [sys.executable, __file__, "measure", *command]
        with open(out, "wb") as stdout:
            done = subprocess.run(measure, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            sys.exit(f"{shlex.join(command)}: exit code {done.returncode}\n{done.stderr}")
        self.wall, self.cpu, self.peak_mb = map(float, done.stderr.splitlines()[-1].split())


def measure(command):
    """Runs a command and writes wall and CPU seconds and the peak in MB to standard error."""
    start = time.monotonic()
    child = subprocess.Popen(command)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.monotonic() - start
    print(f"\n{wall} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss * 1024 / 1e6}", file=sys.stderr)
    sys.exit(os.waitstatus_to_exitcode(status))


class Program:
    """A command that writes JSON lines to standard output, to the file `{out}` or into such a folder."""

    def __init__(self, name, command):
        self.name, self.command = name, shlex.split(command)

    def run(self, source, folder, threads=1):
        out, stdout = folder / "out", folder / "stdout"
        shutil.rmtree(out, ignore_errors=True)
        out.unlink(missing_ok=True)
        values = {"input": source, "out": out, "threads": threads}
        run = Run([word.format(**values) for word in self.command], stdout)
        written = out if out.exists() else stdout
        files = list(written.glob("*.jsonl")) if written.is_dir() else [written]
        run.n_lines = sum(map(count_lines, files))
        run.mb_out = sum(file.stat().st_size for file in files) / 1e6
        return run


def count_lines(path):
    with open(path, "rb") as lines:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: lines.read(1 << 20), b""))


def programs(arguments):
    found = [Program("ragdex", arguments.ours)]
    if arguments.wikiextractor:
        launch = shlex.join([arguments.wikiextractor, str(pathlib.Path(__file__).resolve()), "wikiextractor"])
        options = "--json --no-templates --processes 1 --quiet -o - {input}"
        found.append(Program("WikiExtractor", f"{launch} {options}"))
    if arguments.wikrs:
        for engine in ["ast", "strip"]:
            command = arguments.wikrs.replace("{engine}", engine)
            found.append(Program(f"wikrs, {engine}", f"env RAYON_NUM_THREADS=1 {command}"))
    return found


def wikiextractor(arguments):
    """Runs WikiExtractor. Some versions put flags inside patterns, which Python 3.11 refuses."""
    compile_pattern = re.compile

    def compile_anywhere(pattern, flags=0):
        if isinstance(pattern, str) and "(?i)" in pattern:
            pattern, flags = pattern.replace("(?i)", ""), flags | re.IGNORECASE
        return compile_pattern(pattern, flags)

    re.compile = compile_anywhere
    from wikiextractor.WikiExtractor import main

    sys.argv[1:] = arguments
    main()


def peers(arguments, folder):
    """Each program once a round, so that all see the same state of the machine."""
    megabytes = arguments.megabytes[0] if arguments.megabytes else 60
    contenders = programs(arguments)
    print("| input | program | CPU s | MB of XML a CPU second | against ragdex | wall s | peak MB | lines | MB out |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for source in arguments.sample.write(folder, megabytes):
        xml_mb = (folder / f"pages-{megabytes}mb.xml").stat().st_size / 1e6
        runs = {program.name: [] for program in contenders}
        for _ in range(arguments.rounds):
            for program in contenders:
                runs[program.name].append(program.run(source, folder))
        cpu = {name: statistics.median(run.cpu for run in done) for name, done in runs.items()}
        for name, done in runs.items():
            spread = f"{min(run.cpu for run in done):.2f}–{max(run.cpu for run in done):.2f}"
            wall, peak = (statistics.median(getattr(run, what) for run in done) for what in ["wall", "peak_mb"])
            print(
                f"| {''.join(source.suffixes)} | {name} | {cpu[name]:.2f} ({spread}) | {xml_mb / cpu[name]:.1f} "
                f"| {cpu[name] / cpu['ragdex']:.2f} × | {wall:.2f} | {peak:.0f} | {done[0].n_lines} "
                f"| {done[0].mb_out:.1f} |"
            )


def threads(arguments, folder):
    """One thread and many in turns, from many streams."""
    megabytes = arguments.megabytes[0] if arguments.megabytes else 120
    source = arguments.sample.write(folder, megabytes)[1]
    ours = Program("ragdex", arguments.ours)
    runs = {1: [], arguments.threads: []}
    for _ in range(arguments.rounds):
        for n, done in runs.items():
            done.append(ours.run(source, folder, n))
    for n, done in runs.items():
        walls = sorted(run.wall for run in done)
        cpu = statistics.median(run.cpu for run in done)
        print(f"{n} threads: {statistics.median(walls):.2f} s ({walls[0]:.2f}–{walls[-1]:.2f}), CPU {cpu:.2f} s")
    one, many = (statistics.median(run.wall for run in done) for done in runs.values())
    print(f"{one / many:.2f} times as fast; load {os.getloadavg()[0]:.1f}")


def memory(arguments, folder):
    """The same command on inputs of different length."""
    ours = Program("ragdex", arguments.ours)
    print("| input | threads | peak MB | wall s |\n| --- | --- | --- | --- |")
    for megabytes in arguments.megabytes or [100, 1000]:
        for source in arguments.sample.write(folder, megabytes):
            for n in [1, arguments.threads]:
                run = ours.run(source, folder, n)
                print(f"| {source.name} | {n} | {run.peak_mb:.0f} | {run.wall:.2f} |", flush=True)


def main():
    if sys.argv[1:2] == ["wikiextractor"]:
        return wikiextractor(sys.argv[2:])
    if sys.argv[1:2] == ["measure"]:
        return measure(sys.argv[2:])
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["peers", "threads", "memory"])
    parser.add_argument("sample", type=Sample)
    parser.add_argument("--megabytes", type=int, nargs="+")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--ours", default=OURS)
    parser.add_argument("--wikiextractor", metavar="PYTHON")
    parser.add_argument("--wikrs", nargs="?", const=WIKRS, metavar="COMMAND")
    parser.add_argument("--work", type=pathlib.Path, help="keeps the inputs in this folder")
    arguments = parser.parse_args()
    what = {"peers": peers, "threads": threads, "memory": memory}[arguments.what]
    if arguments.work:
        arguments.work.mkdir(parents=True, exist_ok=True)
        return what(arguments, arguments.work)
    with tempfile.TemporaryDirectory() as folder:
        return what(arguments, pathlib.Path(folder))


if __name__ == "__main__":
    main()
