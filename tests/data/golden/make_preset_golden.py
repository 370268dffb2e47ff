#!/usr/bin/env python3
"""Build tiny encoders in the layouts of the presets, and the vectors the references give for them.

All text is written below, the weights are random; nothing is downloaded.

    python make_preset_golden.py --out presets

Needs torch, transformers==4.57.6, sentence-transformers (5.7), sentencepiece and numpy; a few
seconds on one core. Two runs on one machine give the same weights and vectors.

| folder | laid out as | pooling | files say nothing of |
| --- | --- | --- | --- |
| minilm | sentence-transformers/all-MiniLM-L6-v2: BERT, WordPiece | mean, normalised | |
| bge-base | BAAI/bge-base-en-v1.5: BERT, WordPiece | CLS, normalised | the instruction before questions |
| e5-base | intfloat/e5-base-v2: BERT, WordPiece | mean, normalised | both prompts |
| multilingual-e5-small | intfloat/multilingual-e5-small: BERT, XLM-R's SentencePiece | mean, normalised | both prompts |
| expected.json | passages and questions, and for each model the vectors that the model's card asks for | | |

The vectors are computed by transformers alone, as the cards of the models show it (prompt, tokens, last hidden
state, pooling, length 1), text by text without padding, and held against sentence-transformers.
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
from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
from transformers import (
    AutoModel,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizerFast,
    XLMRobertaTokenizerFast,
)
from transformers.models.bert.tokenization_bert import BasicTokenizer

assert transformers.__version__ == "4.57.6", transformers.__version__

PASSAGES = [
    ["Marrow", "The lighthouse of Marrow stands on a granite shelf, and its lamp burned oil until 1911."],
    ["Keeper", "The keeper lit the lamp every evening and wrote the hour into a book."],
    ["", "Curaçao is an island; Đà Nẵng is a city; 灯台 is a lighthouse."],
    ["Long", "The keeper walked up the stairs and down the stairs. " * 9 + "The end."],
]
QUESTIONS = [
    "When did the lamp of Marrow stop burning oil?",
    "Who lit the lamp?",
    "query: a prompt in the question",
]
INSTRUCTION = "Represent this sentence for searching relevant passages: "
CORPUS = [f"{title} {text}" for title, text in PASSAGES] + QUESTIONS + [INSTRUCTION, "query: passage: "]
# Names, pooling, longest input of the files, and what the cards put before passages and questions.
LAYOUTS = [
    ("minilm", "mean", 24, "", ""),
    ("bge-base", "cls", 40, "", INSTRUCTION),
    ("e5-base", "mean", 40, "passage: ", "query: "),
    ("multilingual-e5-small", "mean", 40, "passage: ", "query: "),
]
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 40,
    "type_vocab_size": 2,
    # Wider than usual, so that vectors of different texts are far apart.
    "initializer_range": 0.15,
}


def word_piece(folder):
    """Characters, characters within words, and half of the words: some words are one piece, others several."""
    basic = BasicTokenizer(do_lower_case=True)
    words = sorted({word for text in CORPUS for word in basic.tokenize(text)})
    letters = sorted(set("".join(words)))
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    pieces += [word for word in words[::2] if len(word) > 1]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return BertTokenizerFast(str(folder / "vocab.txt"), model_max_length=40)


def unigram(folder):
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(CORPUS * 4), encoding="utf-8")
    model = f"{folder}/sentencepiece.bpe"
    # No character map, which alone is 300 kB; `encoders/sentence-xlmr` has one.
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus), model_prefix=model, model_type="unigram", vocab_size=96,
        character_coverage=1.0, normalization_rule_name="identity", minloglevel=2,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1,
    )
    return XLMRobertaTokenizerFast(vocab_file=f"{model}.model", model_max_length=40)


def randomise(model, seed):
    """Biases and norms differ from 0 and 1, so that leaving one out is seen."""
    generator = torch.Generator().manual_seed(seed)
    for name, tensor in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            tensor.data += 0.1 * torch.randn(tensor.shape, generator=generator)
    return model.eval()


def make(out, scratch, number, name, pooling, max_tokens):
    """One checkpoint, saved by sentence-transformers as the published ones are."""
    words, plain = scratch / f"{name}-words", scratch / name
    words.mkdir()
    tokenizer = (unigram if name.startswith("multilingual") else word_piece)(words)
    torch.manual_seed(number)
    config = BertConfig(vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **SIZES)
    randomise(BertModel(config, add_pooling_layer=False), number + 100).save_pretrained(plain)
    tokenizer.save_pretrained(plain)
    transformer = Transformer(str(plain), max_seq_length=max_tokens)
    width = transformer.get_embedding_dimension()
    model = SentenceTransformer(modules=[transformer, Pooling(width, pooling), Normalize()], device="cpu").eval()
    model.save(str(out / name), create_model_card=False)
    # What no reader of weights looks at; prompts, which the published files do not have.
    for left in ["vocab.txt", "sentencepiece.bpe.model", "config_sentence_transformers.json"]:
        (out / name / left).unlink(missing_ok=True)
    return model


def by_transformers(folder, pooling, max_tokens, prompt, texts):
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    rows = []
    for text in texts:
        inputs = tokenizer(prompt + text, truncation=True, max_length=max_tokens, return_tensors="pt")
        states = model(**inputs).last_hidden_state[0]
        pooled = states[0] if pooling == "cls" else states.mean(0)
        rows.append(torch.nn.functional.normalize(pooled, dim=0))
    return torch.stack(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    expected = {"passages": PASSAGES, "questions": QUESTIONS}
    passages = [f"{title} {text}".strip() for title, text in PASSAGES]
    with tempfile.TemporaryDirectory() as scratch, torch.inference_mode():
        for number, (name, pooling, max_tokens, before_passages, before_questions) in enumerate(LAYOUTS, 1):
            shutil.rmtree(out / name, ignore_errors=True)
            model = make(out, Path(scratch), number, name, pooling, max_tokens)
            expected[name] = {}
            for kind, prompt, texts in [
                ("passages", before_passages, passages), ("questions", before_questions, QUESTIONS),
            ]:
                vectors = by_transformers(out / name, pooling, max_tokens, prompt, texts)
                other = [model.encode([prompt + text], show_progress_bar=False)[0] for text in texts]
                assert (vectors - torch.tensor(other)).abs().max() < 1e-6, (name, kind)
                expected[name][kind] = [[float(x) for x in row] for row in vectors]
    text = json.dumps(expected, ensure_ascii=False, separators=(",", ":"))
    (out / "expected.json").write_text(text.replace("]],", "]],\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
