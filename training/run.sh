#!/usr/bin/env bash
# Makes the bundled models from nothing but public files:
#
#   training/run.sh BASE RAW OUT
#
# BASE  the folder of all-MiniLM-L6-v2 (model.safetensors, config.json, vocab.txt, tokenizer.json), Apache-2.0
# RAW   the published question/answer files, named as in README.md ("Data"); none of them is kept in this repository
# OUT   everything that is made; OUT/mini holds the four files that ship
#
# Needs the packages of requirements.txt. THREADS (default 1) is the number of torch threads: with one thread and the
# same packages on the same kind of processor, the same seed gives the same files.
# Every step leaves a folder and is skipped when that is there, so a run that stopped goes on where it was.
set -euo pipefail
[ $# -eq 3 ] || { sed -n '2,12p' "$0" | cut -c3-; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
base=$1 raw=$2 out=$3
threads=${THREADS:-1} seed=${SEED:-0}
python=${PYTHON:-python3}
export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 OMP_WAIT_POLICY=PASSIVE TOKENIZERS_PARALLELISM=false
mkdir -p "$out"

py() { local script=$1; shift; "$python" "$here/$script.py" "$@"; }
step() { # step FOLDER-OR-FILE COMMAND...: run unless its result is there
  local made=$out/$1; shift
  if [ -e "$made.done" ]; then printf '== %s: there\n' "$made"; return; fi
  printf '== %s\n' "$made"
  "$@"
  touch "$made.done"
}

# 1. data: public sets to one layout; invented entries
data=$out/data
step data py prepare_data "$raw" "$data"
step synth.jsonl py synth "$out/synth.jsonl" --n 60000 --seed 2
qa=("$data/new-wiki.jsonl.gz:2" "$data/qed.jsonl.gz:2" "$data/reddit.jsonl.gz" "$data/amazon.jsonl.gz"
    "$data/qamr.jsonl.gz:0.8" "$out/synth.jsonl:0.2")

# 2. the reader, from the base network: the vocabulary is chosen here and used by all
step reader-1 py train_generator --base "$base" --train "${qa[@]}" --dev "$data/new-wiki.jsonl.gz" --out "$out/reader-1" \
  --total-tokens "${FIRST_TOKENS:-8e6}" --decay-tokens "${FIRST_TOKENS:-8e6}" --tokens 1500 --lr 3e-4 --enc-lr 1.5e-4 \
  --short-bias 0.6 --threads "$threads" --seed "$seed"

# 3. the reader goes on at a lower rate
step reader-2 py train_generator --base "$base" --resume "$out/reader-1" --train "${qa[@]}" --dev "$data/new-wiki.jsonl.gz" \
  --out "$out/reader-2" --total-tokens "${MORE_TOKENS:-1e6}" --decay-tokens "${MORE_TOKENS:-1e6}" --tokens 2000 \
  --lr 1e-4 --enc-lr 6e-5 --warmup 30 --average 0.99 --short-bias 0.5 --threads "$threads" --seed "$seed"

# 4. the retriever: fewer word pieces, then a short training to make up for them
step base-small py prune_base --base "$base" --kept "$out/reader-2/vocab.txt" --out "$out/base-small"
step base-tuned py train_encoder --base "$base" --small "$out/base-small" --out "$out/base-tuned" --steps 100 --batch 36 \
  --data "$data"/{new-wiki,qed,reddit,amazon,qamr,squad-sentence-questions}.jsonl.gz --threads "$threads" --seed "$seed"

# 5. pack the retriever; both DPR towers come from the packed file, so that what is measured is what ships
mini=$out/mini
mkdir -p "$mini"
cp "$out/reader-2"/{tokenizer.json,tokenizer_config.json,vocab.txt} "$mini"
step encoder-q8 py pack pack "$out/base-tuned" "$mini/encoder-q8.safetensors"
step towers py pack towers "$mini/encoder-q8.safetensors" "$out/towers"

# 6. the reader learns from what the retriever finds
wiki=("$data/new-wiki.jsonl.gz" "$data/qed.jsonl.gz")
step reader-3 py finetune_rag --encoder "$out/towers" --reader "$out/reader-2" --data "$data/new-wiki.jsonl.gz" \
  --steps "${RAG_STEPS:-110}" --lr 6e-5 --enc-lr 3e-5 --out "$out/reader-3" --threads "$threads" --seed "$seed"

# 7. again, with the wrong passages that the retriever finds, with answers for the questions that came without, and with chronicles
step hard.jsonl py hard_negatives --encoder "$out/towers" --data "${wiki[@]}" --out "$out/hard.jsonl" --threads "$threads"
step pseudo.jsonl py pseudo_label --reader "$out/reader-3" --data "$data/squad-sentence-questions.jsonl.gz" --out "$out/pseudo.jsonl" \
  --threads "$threads"
step synth-2.jsonl py synth "$out/synth-2.jsonl" --n 100000 --seed 6 --chronicles 0.5
step reader-4 py train_generator --base "$base" --resume "$out/reader-3" --dev "$data/new-wiki.jsonl.gz" --out "$out/reader-4" \
  --train "$out/hard.jsonl:2-2.5" "$out/pseudo.jsonl" "$data/reddit.jsonl.gz:1-0.5" "$data/amazon.jsonl.gz:1-0.5" \
  "$data/qamr.jsonl.gz:0.6-0.25" "$out/synth-2.jsonl:0.07-0.05" --total-tokens "${LONG_TOKENS:-7.5e6}" --decay-tokens "${LONG_DECAY:-2.8e6}" \
  --tokens 2000 --lr 2e-4 --enc-lr 1e-4 --warmup 100 --wrong nothing --neg 0.2-0.3 --swap 0.3 --short-bias 0.5-0.3 --threads "$threads" --seed 6
for seed_of_run in 7 9 10; do
  step "reader-5-$seed_of_run" py finetune_rag --encoder "$out/towers" --reader "$out/reader-4" --data "${wiki[@]}" --nothing 0.1 \
    --steps "${LAST_RAG_STEPS:-80}" --lr 6e-5 --enc-lr 3e-5 --out "$out/reader-5-$seed_of_run" --threads "$threads" --seed "$seed_of_run"
done
step reader-5 py mean "$out"/reader-5-{7,9,10} "$out/reader-5"
step generator-q8-2 py pack pack "$out/reader-5" "$mini/generator-q8.safetensors" --share-embeddings "$mini/encoder-q8.safetensors"
step reader-q8-2 py pack unpack "$mini/generator-q8.safetensors" "$out/reader-q8-2"

# 8. measure what was packed: held-out articles, then the sample that comes with ragdex
for what in "$data/new-wiki.jsonl.gz --questions 200" "$here/../crates/sample"; do
  # shellcheck disable=SC2086
  py eval_rag --encoder "$out/towers" --generator "$out/reader-q8-2" --grounded --threads "$threads" --data $what
done | tee "$out/measured.txt"
ls -l "$mini"
