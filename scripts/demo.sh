#!/usr/bin/env bash
# Builds everything, trains a small GPT on C++ headers with two compiled optimizers, and shows how they compare.
# usage: scripts/demo.sh [--quick]     --quick: a smaller model and fewer steps
# Results go to out/demo, or out/quick.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

mode=demo
training=(--layers 4 --width 128 --heads 4 --batch 16 --context 64 --steps "${STEPS:-600}" --eval-every 50)
for argument in "$@"; do
  case $argument in
  --quick)
    mode=quick
    training=(--layers 2 --width 64 --heads 2 --batch 8 --context 64 --steps "${STEPS:-400}" --eval-every 25)
    ;;
  *) fail "unknown option '$argument'; usage: scripts/demo.sh [--quick]" ;;
  esac
done

rules=(lanton adamw)
scales=(0.3 1 3)
out=$root/out/$mode
python=$root/.venv/bin/python3
threads=$(($(nproc) < 2 ? $(nproc) : 2))

train_all() {
  local rule scale
  for rule in "${rules[@]}"; do
    for scale in "${scales[@]}"; do
      "$build/bin/gpt-train" --rule "$rule" --lr "$scale" --seed 1 --threads "$threads" --data "$out/corpus.txt" \
        --log "$out/$rule-$scale.jsonl" "${training[@]}" || fail "training with $rule at learning rate x$scale failed"
    done
  done
}

"$root/scripts/setup.sh"
"$root/scripts/build.sh"
mkdir -p "$out"
step "$out/demo.log" "text: headers of LLVM" "$python" "$root/examples/gpt/corpus.py" "$out/corpus.txt"

echo "training: ${#rules[@]} rules, ${#scales[@]} learning rates each, $threads threads"
start=$SECONDS
train_all
printf '%-56s%s\n\n' "training" "$((SECONDS - start)) s"

logs=()
for rule in "${rules[@]}"; do
  for scale in "${scales[@]}"; do
    logs+=("$out/$rule-$scale.jsonl")
  done
done
"$python" "$root/examples/gpt/plot.py" "${logs[@]}" --output "$out/losses.png" || fail "the plot failed"
printf '\n%-56s%s\n' "everything" "$SECONDS s"
