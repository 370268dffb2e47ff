"""Vectors of transformers and sentence-transformers for `parity.rs`, of models at their real size.

    python parity_reference.py bert TOKENIZER_FOLDER OUT     random BERT-base, and its CLS vectors
    python parity_reference.py roberta TOKENIZER_FOLDER OUT  random RoBERTa-base, likewise
    python parity_reference.py sentence MODEL OUT TEXTS      a model of sentence-transformers

For the first two OUT receives a checkpoint with the tokenizer of the folder, and 200 texts of 1 to 512
tokens; for the last the lines of TEXTS are the texts. OUT/texts.json and OUT/expected.safetensors
hold texts and vectors. Texts are encoded one by one: nothing is padded.
Needs torch, transformers (4.57) and sentence-transformers (5.7).
"""

import json
import random
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertConfig, BertModel, RobertaConfig, RobertaModel

N_TEXTS, MAX_TOKENS = 200, 512


def texts(tokenizer):
    """Of every length: the i-th has about 512 · i / 200 tokens, special ones included."""
    generator = random.Random(1)
    words = sorted(word for word in tokenizer.get_vocab() if word.isascii() and word.isalpha())
    for i in range(N_TEXTS):
        n_tokens = MAX_TOKENS * (i + 1) // N_TEXTS
        yield " ".join(generator.choices(words, k=max(n_tokens - 2, 0)))


def randomise(model):
    """Norms and biases that are not 1 and 0."""
    generator = torch.Generator().manual_seed(2)
    for name, tensor in model.named_parameters():
        if name.endswith("bias") or "LayerNorm" in name:
            tensor.data += 0.02 * torch.randn(tensor.shape, generator=generator)
    return model.eval()


def random_model(kind, folder, out):
    tokenizer = AutoTokenizer.from_pretrained(folder, model_max_length=MAX_TOKENS)
    torch.manual_seed(1)
    if kind == "bert":
        model = BertModel(BertConfig(), add_pooling_layer=False)
    else:
        config = RobertaConfig(max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5)
        model = RobertaModel(config, add_pooling_layer=False)
    randomise(model).save_pretrained(out)
    tokenizer.save_pretrained(out)
    inputs = list(texts(tokenizer))
    encode = lambda text: tokenizer(text, truncation=True, return_tensors="pt")
    firsts = [model(**encode(text)).last_hidden_state[0, 0] for text in inputs]
    return inputs, torch.stack(firsts)


def sentence_model(folder, path):
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    inputs = Path(path).read_text(encoding="utf-8").splitlines()
    rows = [model.encode([text], convert_to_tensor=True, show_progress_bar=False)[0] for text in inputs]
    return inputs, torch.stack(rows)


def main():
    kind, folder, out, *rest = sys.argv[1:]
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with torch.inference_mode():
        if kind == "sentence":
            inputs, vectors = sentence_model(folder, *rest)
        else:
            inputs, vectors = random_model(kind, folder, out)
    (out / "texts.json").write_text(json.dumps(inputs, ensure_ascii=False), encoding="utf-8")
    save_file({"vectors": vectors.contiguous()}, out / "expected.safetensors")


if __name__ == "__main__":
    main()
