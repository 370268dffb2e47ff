"""PyTorch on the inputs of `encoder.rs`: passages per second of processor time on one thread.

    python crates/kernels/benches/peer_torch.py [bert-base|minilm ...]

Random weights, float32, attention by `scaled_dot_product_attention`, sorted batches of 16; only the
state of the first token is kept. Needs torch and transformers (figures: 2.15 and 4.57).
"""

import sys
import time

import torch
from transformers import BertConfig, BertModel

N_PASSAGES, BATCH, ROUNDS = 96, 16, 5
SHAPES = {
    "bert-base": {},
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "intermediate_size": 1536},
}


def lengths():
    state = 1

    def uniform():
        nonlocal state
        state = (state * 1103515245 + 12345) % 2**31
        return state / 2**31

    normals = [sum(uniform() for _ in range(12)) - 6.0 for _ in range(N_PASSAGES)]
    return [int(min(max(130.0 + 16.0 * normal, 90.0), 180.0)) for normal in normals]


def batches(vocabulary):
    generator = torch.Generator().manual_seed(1)
    ordered = sorted(lengths())
    for start in range(0, N_PASSAGES, BATCH):
        part = ordered[start : start + BATCH]
        ids = torch.randint(vocabulary, (len(part), max(part)), generator=generator)
        mask = torch.tensor([[1] * n + [0] * (max(part) - n) for n in part])
        yield ids, mask


def seconds(model, inputs):
    start = time.thread_time()
    for ids, mask in inputs:
        model(input_ids=ids, attention_mask=mask).last_hidden_state[:, 0].numpy()
    return time.thread_time() - start


def main():
    torch.set_num_threads(1)
    names = sys.argv[1:] or list(SHAPES)
    print(f"{N_PASSAGES} passages of {sum(lengths()) / N_PASSAGES:.1f} tokens, one thread")
    with torch.inference_mode():
        for name in names:
            config = BertConfig(**SHAPES[name], attn_implementation="sdpa")
            model = BertModel(config, add_pooling_layer=False).eval()
            inputs = list(batches(config.vocab_size))
            seconds(model, inputs[:1])
            times = sorted(seconds(model, inputs) for _ in range(ROUNDS))
            best, median = N_PASSAGES / times[0], N_PASSAGES / times[ROUNDS // 2]
            print(f"{name}/f32/torch {best:.2f} passages/s (median {median:.2f})", flush=True)


if __name__ == "__main__":
    main()
