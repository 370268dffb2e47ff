"""Models in the cache and in other forms, held against the Python programs that share them.

    python benches/peers/checkpoints.py RAGDEX

RAGDEX is the program. Needs huggingface_hub, transformers 4.57.6, sentence-transformers and CPU torch; no
network: a hub on this machine serves the golden checkpoints. Prints a line a check and fails at the first
difference.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

GOLDEN = Path(__file__).parents[2] / "tests/data/golden"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = "org/encoder"


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for one model."""

    folder = GOLDEN / "encoders/sentence-roberta"
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def files(self):
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path.read_bytes() for path in paths}

    def do_HEAD(self):
        self.do_GET(body=False)

    def do_GET(self, body=True):
        path = self.path.split("?")[0]
        if path.startswith(f"/api/models/{MODEL}"):
            siblings = [sibling(name, content) for name, content in self.files().items()]
            answer = {"id": MODEL, "sha": COMMIT, "siblings": siblings, "tags": [], "private": False}
            return self.send(json.dumps(answer).encode(), {}, body)
        name = path.removeprefix(f"/{MODEL}/resolve/").split("/", 1)[-1]
        content = self.files()[name]
        headers = {"ETag": f'"{checksum(name, content)}"', "X-Repo-Commit": COMMIT}
        return self.send(content, headers, body)

    def send(self, content, headers, body):
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)


def checksum(name, content):
    if name.endswith(".safetensors"):
        return hashlib.sha256(content).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def sibling(name, content):
    described = {"rfilename": name, "size": len(content), "blobId": checksum(name, content)}
    if name.endswith(".safetensors"):
        described["lfs"] = {"sha256": checksum(name, content), "size": len(content), "pointerSize": 134}
    return described


def run(arguments, **environment):
    environment = {**os.environ, **environment}
    done = subprocess.run([RAGDEX, *map(str, arguments)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()] if "--json" in arguments else None


def python(code, **environment):
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def told(what):
    print("ok", what, flush=True)


def share_the_cache(folder):
    """What either program fetches the other finds, with the same files."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    online = {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HUB_OFFLINE": "0"}
    ours = {"HF_HOME": str(folder / "ours")}
    [pulled] = run(["models", "pull", MODEL, "--json"], **online, **ours)
    download = f"import huggingface_hub as h; print(h.snapshot_download({MODEL!r}{{}}))"
    found = python(download.format(", local_files_only=True"), **ours)
    assert Path(found) == Path(pulled["folder"]), (found, pulled)
    scan = "import huggingface_hub as h; r = h.scan_cache_dir(); assert not r.warnings, r.warnings; print(len(r.repos))"
    assert python(scan, **ours) == "1"
    told("huggingface_hub finds offline what ragdex fetched, and scan_cache_dir has nothing to say")

    theirs = {"HF_HOME": str(folder / "theirs")}
    found = python(download.format(""), **online, **theirs)
    [info] = run(["models", "info", MODEL, "--json"], HF_HUB_OFFLINE="1", **theirs)
    assert info["revision"] == COMMIT and Path(info["folder"]) == Path(found) and info["uses"], info
    [again] = run(["models", "pull", MODEL, "--json"], **online, **theirs)
    assert again["fetched"] == 0, again
    told("ragdex finds offline what huggingface_hub fetched, and fetches nothing again")
    server.shutdown()


def consolidate(folder):
    """A RAG checkpoint of ours generates in transformers what its own does."""
    import torch
    from transformers import DPRQuestionEncoder, BartForConditionalGeneration
    from transformers import RagConfig, RagTokenForGeneration, RagTokenizer

    encoder, bart = GOLDEN / "rag/dpr-question-encoder", GOLDEN / "rag/bart"
    ours, theirs = folder / "rag", folder / "reference"
    run(["models", "convert", "--question-encoder", encoder, "--generator", bart, "--to", ours])
    reference = RagTokenForGeneration.from_pretrained_question_encoder_generator(str(encoder), str(bart))
    model, notes = RagTokenForGeneration.from_pretrained(ours, output_loading_info=True)
    assert not any(notes.values()), notes
    expected = reference.state_dict()
    found = model.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    told(f"transformers loads the consolidated checkpoint: {len(found)} tensors equal, none missing or left over")

    tokenizer = RagTokenizer.from_pretrained(ours)
    questions = json.loads((GOLDEN / "rag/questions.json").read_text())
    questions = [question["question"] for question in questions]
    ids = tokenizer.question_encoder(questions[0]).input_ids
    assert ids, "the tokenizer of the question encoder"
    contexts = tokenizer.generator([f" a / b // {q}" for q in questions], return_tensors="pt", padding=True)
    inputs = {
        "context_input_ids": contexts.input_ids, "context_attention_mask": contexts.attention_mask,
        "doc_scores": torch.zeros(len(questions), 1), "n_docs": 1,
    }
    for beams in (1, 4):
        with torch.no_grad():
            one = reference.eval().generate(**inputs, num_beams=beams)
            other = model.eval().generate(**inputs, num_beams=beams)
        assert torch.equal(one, other), (one, other)
    told(f"and generates the same tokens as its own assembly for {len(questions)} questions, 1 and 4 beams")

    reference.config.save_pretrained(theirs)
    reference.save_pretrained(theirs)
    tokenizer.save_pretrained(theirs)
    [info] = run(["models", "info", theirs, "--json"])
    assert info["uses"] == ["question_encoder", "generator"] and "problem" not in info, info
    run(["models", "convert", theirs, "--split", "--to", folder / "parts"])
    for kind, part, source in [
        (DPRQuestionEncoder, "question_encoder", encoder), (BartForConditionalGeneration, "generator", bart),
    ]:
        taken, notes = kind.from_pretrained(folder / "parts" / part, output_loading_info=True)
        assert not any(notes.values()), notes
        expected = kind.from_pretrained(source).state_dict()
        assert all(torch.equal(expected[name], tensor) for name, tensor in taken.state_dict().items())
    told("a RAG checkpoint that transformers saved is taken apart into two that it loads, tensors equal")
    RagConfig.from_pretrained(ours)


def rewrite_pickle(folder):
    """Safetensors of ours load as the pickle does."""
    import torch
    from transformers import RagTokenForGeneration

    source = folder / "pickle"
    subprocess.run(["cp", "-r", GOLDEN / "rag/rag-token", source], check=True)
    (source / "model.safetensors").unlink()
    run(["models", "convert", source, "--to", folder / "safetensors"])
    model, notes = RagTokenForGeneration.from_pretrained(folder / "safetensors", output_loading_info=True)
    assert not notes["missing_keys"], notes
    expected = RagTokenForGeneration.from_pretrained(GOLDEN / "rag/rag-token").state_dict()
    assert all(torch.equal(expected[name], tensor) for name, tensor in model.state_dict().items())
    told("pytorch_model.bin as safetensors: transformers loads the same tensors")


def bundled(folder):
    """The bundled models are ordinary folders: vectors and texts as ragdex computes them."""
    import numpy
    from sentence_transformers import SentenceTransformer
    from transformers import AutoTokenizer, BartForConditionalGeneration

    run(["models", "convert", "--preset", "mini", "--to", folder / "mini"])
    passages = [
        {"title": "Ohre", "text": "The Ohre is a river. It flows into the Elbe at Litomerice."},
        {"title": "Elbe", "text": "The Elbe is a river that flows to the North Sea near Cuxhaven."},
    ]
    source = folder / "rivers.jsonl"
    source.write_text("\n".join(map(json.dumps, passages)))
    run(["build", folder / "kb", source])
    question = "Into what does the Ohre flow?"
    [found] = run(["search", folder / "kb", question, "--json"])
    encoder = SentenceTransformer(str(folder / "mini/encoder"))
    texts = [f"{passage['title']} {passage['text']}" for passage in passages]
    scores = encoder.encode(texts) @ encoder.encode([question])[0]
    for passage in found["passages"]:
        place = [p["title"] for p in passages].index(passage["title"])
        assert abs(scores[place] - passage["score"]) < 1e-4, (scores, passage)
    told(f"sentence-transformers scores as ragdex does with the bundled encoder: {numpy.round(scores, 3)}")
    _, notes = BartForConditionalGeneration.from_pretrained(folder / "mini/generator", output_loading_info=True)
    assert not any(notes.values()), notes
    assert AutoTokenizer.from_pretrained(folder / "mini/generator")(question).input_ids
    told("transformers loads the bundled generator, no tensor missing or left over")


if __name__ == "__main__":
    RAGDEX = str(Path(sys.argv[1]).resolve())
    os.environ.update(TOKENIZERS_PARALLELISM="false", OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", HF_HUB_DISABLE_XET="1")
    with tempfile.TemporaryDirectory() as folder:
        for check in (share_the_cache, consolidate, rewrite_pickle, bundled):
            check(Path(folder))
