#!/usr/bin/env bash
# What an encoder does on a GPU: parity, repeatability, throughput beside PyTorch, first and second start.
#
#   benches/gpu.sh MODEL PASSAGES.jsonl [--device cuda] [--precision f16] [--batch-tokens 32768]
#                  [--limit N] [--product N]
#
# MODEL is a folder with config.json, weights and tokenizer; a line of PASSAGES.jsonl is
# {"title": "…", "text": "…"}. The README says what a build with `cuda` needs. PYTHON names a Python with
# torch and transformers; without it the comparison is left out. FEATURES= builds without GPUs:
#
#   FEATURES= benches/gpu.sh MODEL PASSAGES.jsonl --device cpu --precision f32 --limit 64 --product 512
set -euo pipefail
if [ $# -lt 2 ]; then
  sed -n '2,12s/^# \{0,1\}//p' "$0"
  exit 2
fi
model=$(realpath "$1") passages=$(realpath "$2")
shift 2
cd "$(dirname "$0")/.."

device=cuda precision=f16 batch_tokens=32768 limit=1000000 product=8192
while [ $# -gt 1 ]; do
  case $1 in
    --device) device=$2 ;;
    --precision) precision=$2 ;;
    --batch-tokens) batch_tokens=$2 ;;
    --limit) limit=$2 ;;
    --product) product=$2 ;;
    *) echo "an option expected, found $1" >&2; exit 2 ;;
  esac
  shift 2
done
features=${FEATURES-cuda}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

step() { printf '\n== %s\n' "$*"; }

step "build (features: ${features:-none})"
cargo build --release --locked --workspace --bin ragdex --example device ${features:+--features "$features"}
target=${CARGO_TARGET_DIR:-target}/release

step "machine"
if command -v nvidia-smi >/dev/null; then
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv
fi
ls -l "$target/ragdex"
if command -v ldd >/dev/null; then
  ldd "$target/ragdex" | grep -E 'cuda|cublas|curand|not found' || echo "no library of CUDA"
fi

step "parity, repeatability, throughput, rate of a product"
"$target/examples/device" "$model" "$passages" --device "$device" --precision "$precision" \
  --batch-tokens "$batch_tokens" --limit "$limit" --product "$product"

step "the same in f32"
"$target/examples/device" "$model" "$passages" --device "$device" --precision f32 \
  --batch-tokens "$batch_tokens" --limit "$limit" --product "$product"

if [ -n "${PYTHON:-}" ]; then
  step "PyTorch with SDPA, passages sorted by length"
  "$PYTHON" benches/peers/torch_gpu.py "$model" "$passages" --device "${device%%:*}" \
    --precision "$precision" --batch-tokens "$batch_tokens" --limit "$limit"
fi

# The driver compiles what was not compiled for this card at the first start, and keeps it.
step "first and second start: one passage, one search"
mkdir "$work/notes"
echo "The lamp of the lighthouse was lit in 1901." >"$work/notes/lamp.txt"
export CUDA_CACHE_PATH=$work/cache
for start in first second; do
  rm -rf "$work/kb"
  echo "$start:"
  time "$target/ragdex" build "$work/kb" "$work/notes" --device "$device" --quiet
done
time "$target/ragdex" search "$work/kb" "When was the lamp lit?" -k 1 --device "$device" --quiet
