#!/usr/bin/env python3
"""Build tiny RoBERTa and XLM-RoBERTa encoders and the vectors the references give for them.

All text is written below, the weights are random; nothing is downloaded.

    python make_encoder_golden.py --out encoders

Needs torch, transformers==4.57.6, sentence-transformers (5.7), sentencepiece and numpy; a few
seconds on one core. Two runs on one machine give the same weights and vectors.

| folder | what |
| --- | --- |
| roberta | `RobertaForMaskedLM`: names begin with `roberta.`; byte-level BPE; no pooling named |
| sentence-roberta | sentence-transformers: mean, dense with tanh, normalised; prompts |
| sentence-xlmr | sentence-transformers: CLS, normalised; SentencePiece Unigram (as E5 and BGE-M3) |
| sentence-old | the first layout: the model in `0_Transformer`, switches for poolings, a pickle; max |
| expected.json | the texts, and for each model its vectors, text by text, without padding |
"""

import argparse
import json
import os
import shutil
import tempfile
import warnings
from pathlib import Path

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import sentencepiece
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import ByteLevelBPETokenizer
from transformers import (
    RobertaConfig,
    RobertaForMaskedLM,
    RobertaModel,
    RobertaTokenizerFast,
    XLMRobertaConfig,
    XLMRobertaModel,
    XLMRobertaTokenizerFast,
)

assert transformers.__version__ == "4.57.6", transformers.__version__

TEXTS = [
    "The lighthouse of Marrow stands on a granite shelf.",
    "  spaces before,   between and behind  ",
    "Curaçao, Đà Nẵng and Ｆｕｌｌ－ｗｉｄｔｈ № ½ ﬁne",
    "灯台 маяк φάρος 😀",
    "a <pad> in the text <mask> and another <pad><pad>",
    "x",
    "",
    "The keeper lit the lamp every evening and wrote the hour into a book. " * 6,
]
CORPUS = [
    "The lighthouse of Marrow stands on a granite shelf, and its lamp burned oil until the year 1911.",
    "The keeper lit the lamp every evening and wrote the hour into a book with a pen.",
    "Curaçao is an island; Đà Nẵng is a city. Spaces before and between words count.",
    "灯台は海にある。 маяк стоит на скале. Ο φάρος είναι παλιός. Another text, query: passage:",
] * 5
FOLDERS = ["roberta", "sentence-roberta", "sentence-xlmr", "sentence-old"]
PROMPTS = {"query": "query: ", "passage": "passage: "}
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 50,  # 48 tokens: the padding id 1 and what is before it take two
    "type_vocab_size": 1,
    "layer_norm_eps": 1e-5,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
    # Wider than usual, so that vectors of different texts are far apart.
    "initializer_range": 0.15,
}


def randomise(model, seed):
    """Biases and norms differ from 0 and 1, so that leaving one out is seen."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            tensor.data += 0.1 * torch.randn(tensor.shape, generator=generator)
    model.eval()
    return model


def byte_level(folder):
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokenizer.train_from_iterator(CORPUS, vocab_size=340, special_tokens=special, show_progress=False)
    tokenizer.save_model(folder)
    return RobertaTokenizerFast.from_pretrained(folder, model_max_length=48)


def unigram(folder):
    corpus = Path(folder) / "corpus.txt"
    corpus.write_text("\n".join(CORPUS), encoding="utf-8")
    model = f"{folder}/sentencepiece.bpe"
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=model, model_type="unigram", vocab_size=108,
        character_coverage=1.0, normalization_rule_name="nmt_nfkc", minloglevel=2,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
    )
    return XLMRobertaTokenizerFast(vocab_file=f"{model}.model", model_max_length=48)


def sentence(folder, steps, prompts=None):
    torch.manual_seed(5)
    transformer = Transformer(str(folder))
    width = transformer.get_embedding_dimension()
    modules = [transformer, *steps(width)]
    return SentenceTransformer(modules=modules, prompts=prompts, device="cpu").eval()


def vectors(model, **options):
    """One text at a time: no padding."""
    rows = [model.encode([text], batch_size=1, show_progress_bar=False, **options)[0] for text in TEXTS]
    return [[float(x) for x in row] for row in rows]


def trim(folder):
    """Drops what no reader of weights looks at."""
    for name in ["vocab.json", "merges.txt", "sentencepiece.bpe.model"]:
        for path in Path(folder).rglob(name):
            path.unlink()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for folder in FOLDERS:
        shutil.rmtree(out / folder, ignore_errors=True)
    torch.set_num_threads(1)
    expected = {"texts": TEXTS}
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        scratch = Path(scratch)
        (scratch / "bpe").mkdir()
        tokenizer = byte_level(str(scratch / "bpe"))
        torch.manual_seed(1)
        config = RobertaConfig(vocab_size=len(tokenizer), **SIZES)
        masked = randomise(RobertaForMaskedLM(config), 2)
        masked.save_pretrained(out / "roberta")
        tokenizer.save_pretrained(out / "roberta")

        def first(text):
            inputs = tokenizer(text, truncation=True, return_tensors="pt")
            return [float(x) for x in masked.roberta(**inputs).last_hidden_state[0, 0]]

        expected["roberta"] = [first(text) for text in TEXTS]

        torch.manual_seed(3)
        randomise(RobertaModel(config, add_pooling_layer=False), 4).save_pretrained(scratch / "plain")
        tokenizer.save_pretrained(scratch / "plain")

        def dense(width):
            return [Pooling(width, "mean"), Dense(width, 24), Normalize()]

        model = sentence(scratch / "plain", dense, PROMPTS)
        model.save(str(out / "sentence-roberta"), create_model_card=False)
        expected["sentence-roberta"] = vectors(model)
        expected["sentence-roberta query"] = vectors(model, prompt_name="query")
        expected["sentence-roberta passage"] = vectors(model, prompt_name="passage")

        (scratch / "unigram").mkdir()
        tokenizer = unigram(str(scratch / "unigram"))
        torch.manual_seed(6)
        config = XLMRobertaConfig(vocab_size=len(tokenizer), **SIZES)
        randomise(XLMRobertaModel(config, add_pooling_layer=False), 7).save_pretrained(scratch / "xlmr")
        tokenizer.save_pretrained(scratch / "xlmr")
        model = sentence(scratch / "xlmr", lambda width: [Pooling(width, "cls"), Normalize()])
        model.save(str(out / "sentence-xlmr"), create_model_card=False)
        expected["sentence-xlmr"] = vectors(model)

        old = out / "sentence-old"
        (old / "1_Pooling").mkdir(parents=True)
        shutil.copytree(scratch / "plain", old / "0_Transformer")
        RobertaModel.from_pretrained(old / "0_Transformer", add_pooling_layer=False).save_pretrained(
            old / "0_Transformer", safe_serialization=False
        )
        (old / "0_Transformer" / "model.safetensors").unlink()
        write = lambda name, value: (old / name).write_text(json.dumps(value, indent=2) + "\n")
        write("0_Transformer/sentence_bert_config.json", {"max_seq_length": 40})
        write("config.json", {"__version__": "0.2.0"})
        write("modules.json", [
            {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ])
        modes = {f"pooling_mode_{mode}_tokens": mode == "max" for mode in ["mean", "max", "mean_sqrt_len"]}
        write("1_Pooling/config.json", {"word_embedding_dimension": 32, "pooling_mode_cls_token": False, **modes})
        expected["sentence-old"] = vectors(SentenceTransformer(str(old), device="cpu").eval())
    trim(out)
    text = json.dumps(expected, ensure_ascii=False, indent=None, separators=(",", ":"))
    (out / "expected.json").write_text(text.replace(']],"', ']],\n"') + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
