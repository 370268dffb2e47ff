"""Pack checkpoints to 8 bits, and unpack them into ordinary Hugging Face folders.

    python pack.py pack   HF_DIR PACKED.safetensors [--share-embeddings ENCODER.safetensors]
    python pack.py share  PACKED.safetensors SHARED.safetensors --share-embeddings ENCODER.safetensors
    python pack.py unpack PACKED.safetensors HF_DIR [--dtype f16|f32]
    python pack.py towers PACKED.safetensors OUT [--scale 5.0]   # BERT -> both DPR towers

Every matrix whose rows divide by 32 becomes int8 in blocks of 32 with one f16
scale per block (the arithmetic of GGUF's q8_0: value = scale * int8). `name` holds
the integers, `name.scale` the scales; everything else is kept as f16. Tied copies
of the embedding table are stored once. config.json travels in the metadata.

--share-embeddings leaves the reader's embedding table (`model.shared.weight` and its scales, 5.7 MB) out
when it is, byte for byte, the packed encoder's `embeddings.word_embeddings.weight`; `share` does the same to a
file that is packed already. The metadata then says where the table lies:

    "borrowed": {"file": "encoder-q8.safetensors", "tensors": {"model.shared.weight": "embeddings.word_embeddings.weight"}}

Whoever reads such a file, ragdex and `unpack` alike, looks for the other one in the same folder. The files that ship
with ragdex are packed so.
"""
import argparse
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

BLOCK = 32


def quantise(w):
    b = w.float().reshape(*w.shape[:-1], w.shape[-1] // BLOCK, BLOCK)
    s = (b.abs().amax(-1) / 127).to(torch.float16)
    d = s.float().clone()
    d[d == 0] = 1
    return (b / d[..., None]).round().clamp(-127, 127).to(torch.int8).reshape(w.shape), s


def dequantise(q, s):
    return (q.float().reshape(*s.shape, BLOCK) * s.float()[..., None]).reshape(q.shape)


TIED = ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight")


TABLE, ENCODER_TABLE = "model.shared.weight", "embeddings.word_embeddings.weight"


def pack(src, dst, share=None):
    src = Path(src)
    out, meta = {}, {"format": "pt"}
    for k, v in load_file(src / "model.safetensors").items():
        v = v.to(torch.float16)  # so that the same table gives the same bytes, whatever the folder stores
        if k in TIED or k.endswith("position_ids"):
            continue
        if v.dim() == 2 and v.shape[-1] % BLOCK == 0:
            out[k], out[k + ".scale"] = quantise(v)
        else:
            out[k] = v.to(torch.float16).contiguous()
    if share:
        meta["borrowed"] = leave_table(out, src, share)
    meta["config"] = json.dumps(json.loads((src / "config.json").read_text()))
    Path(dst).parent.mkdir(parents=True, exist_ok=True)
    save_file(out, dst, metadata=meta)


def leave_table(tensors, src, lender):
    """Takes the embedding table out of `tensors`; says where it lies."""
    theirs = load_file(lender)
    for end in ("", ".scale"):
        if not torch.equal(tensors.pop(TABLE + end), theirs[ENCODER_TABLE + end]):
            raise SystemExit(f"{TABLE}{end} of {src} is not {ENCODER_TABLE}{end} of {lender}")
    return json.dumps({"file": Path(lender).name, "tensors": {TABLE: ENCODER_TABLE}})


def share_packed(src, dst, lender):
    """Leaves the table out of a file that holds it."""
    with safe_open(src, "pt") as f:
        meta = f.metadata()
    tensors = load_file(src)
    meta["borrowed"] = leave_table(tensors, src, lender)
    save_file(tensors, dst, metadata=meta)


def load_packed(path):
    """-> (state dict of f32 tensors, config dict)"""
    with safe_open(path, "pt") as f:
        meta = f.metadata()
    cfg = json.loads(meta["config"])
    raw = load_file(path)
    if "borrowed" in meta:
        borrowed = json.loads(meta["borrowed"])
        theirs = load_file(Path(path).parent / borrowed["file"])
        for own, name in borrowed["tensors"].items():
            for end in ("", ".scale"):
                raw[own + end] = theirs[name + end]
    sd = {}
    for k, v in raw.items():
        if k.endswith(".scale"):
            continue
        sd[k] = dequantise(v, raw[k + ".scale"]) if k + ".scale" in raw else v.float()
    return sd, cfg


def copy_tokenizer(src, dst):
    for f in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        p = Path(src).parent / f
        if p.exists():
            (Path(dst) / f).write_bytes(p.read_bytes())


def unpack(src, dst, dtype):
    sd, cfg = load_packed(src)
    dst = Path(dst)
    dst.mkdir(parents=True, exist_ok=True)
    save_file({k: v.to(dtype).contiguous() for k, v in sd.items()}, dst / "model.safetensors", metadata={"format": "pt"})
    (dst / "config.json").write_text(json.dumps(cfg, indent=1))
    copy_tokenizer(src, dst)


def towers(src, dst, scale, dtype):
    from convert_encoder import pooled_state
    sd, cfg = load_packed(src)
    n, v = cfg["num_hidden_layers"], cfg["vocab_size"]
    st = pooled_state(sd, torch.arange(v), list(range(n)), scale)
    for tower, arch in (("ctx_encoder", "DPRContextEncoder"), ("question_encoder", "DPRQuestionEncoder")):
        d = Path(dst) / tower
        d.mkdir(parents=True, exist_ok=True)
        save_file({f"{tower}.bert_model.{k}": w.to(dtype).contiguous() for k, w in st.items()}, d / "model.safetensors",
                  metadata={"format": "pt"})
        c = {**cfg, "model_type": "dpr", "architectures": [arch], "num_hidden_layers": n + 1, "projection_dim": 0}
        (d / "config.json").write_text(json.dumps(c, indent=1))
        copy_tokenizer(src, d)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("what", choices=["pack", "share", "unpack", "towers"])
    ap.add_argument("src")
    ap.add_argument("dst")
    ap.add_argument("--dtype", default="f16", choices=["f16", "f32"])
    ap.add_argument("--scale", type=float, default=5.0)
    ap.add_argument("--share-embeddings", type=Path, metavar="ENCODER", help="the packed encoder that holds the table")
    ar = ap.parse_args()
    dt = torch.float16 if ar.dtype == "f16" else torch.float32
    if ar.what == "pack":
        pack(ar.src, ar.dst, ar.share_embeddings)
    elif ar.what == "share":
        share_packed(ar.src, ar.dst, ar.share_embeddings)
    elif ar.what == "unpack":
        unpack(ar.src, ar.dst, dt)
    else:
        towers(ar.src, ar.dst, ar.scale, dt)


if __name__ == "__main__":
    main()
