"""BERT in PyTorch with scaled dot product attention, the peer of `benches/gpu.sh`.

    python benches/peers/torch_gpu.py MODEL PASSAGES.jsonl --device cuda --precision f16

Passages are tokenised before the clock starts, sorted by length and cut into batches by tokens, padding
included, as ragdex does. The state of the first token is brought back to the processor. Prints the fastest
and the middle of five rounds.
"""

import argparse
import json
import time

import torch
from transformers import AutoModel, AutoTokenizer

TYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
ROUNDS = 5


def batches(encodings, max_tokens):
    """Cuts lists of token ids, longest first, into batches of at most `max_tokens` with padding."""
    batch = []
    for ids in sorted(encodings, key=len, reverse=True):
        length = len(batch[0]) if batch else 0
        if batch and (len(batch) + 1) * length > max_tokens:
            yield batch
            batch = []
        batch.append(ids)
    if batch:
        yield batch


def pad(batch, device):
    """Token ids and mask of a batch, on the device."""
    ids = torch.zeros(len(batch), len(batch[0]), dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, tokens in enumerate(batch):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        mask[row, : len(tokens)] = 1
    return ids.to(device), mask.to(device)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("passages")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--precision", default="f16", choices=TYPES)
    parser.add_argument("--batch-tokens", type=int, default=32768)
    parser.add_argument("--limit", type=int)
    args = parser.parse_args()

    with open(args.passages, encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines][: args.limit]
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    texts = [f"{record['title']} {record['text']}" for record in records]
    encodings = tokenizer(texts, truncation=True, max_length=512)["input_ids"]
    model = AutoModel.from_pretrained(
        args.model, attn_implementation="sdpa", torch_dtype=TYPES[args.precision]
    )
    model = model.to(args.device).eval()
    prepared = [pad(batch, args.device) for batch in batches(encodings, args.batch_tokens)]
    tokens = sum(map(len, encodings))
    places = sum(ids.numel() for ids, _ in prepared)
    print(f"{len(encodings)} passages, {tokens / len(encodings):.1f} tokens each, padding {100 * (1 - tokens / places):.1f} %")

    seconds = []
    with torch.inference_mode():
        for _ in range(ROUNDS + 1):
            started = time.perf_counter()
            for ids, mask in prepared:
                model(ids, attention_mask=mask).last_hidden_state[:, 0].float().cpu()
            seconds.append(time.perf_counter() - started)
    seconds = sorted(seconds[1:])
    for name, value in [("fastest", seconds[0]), ("middle", seconds[ROUNDS // 2])]:
        print(f"{name} of {ROUNDS}: {len(encodings) / value:.0f} passages/s, {tokens / value:.0f} tokens/s")


if __name__ == "__main__":
    main()
