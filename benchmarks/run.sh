#!/usr/bin/env bash
# Runs the benchmarks and writes docs/benchmarks.md, in half an hour.
# usage: benchmarks/run.sh [--quick] [BENCHMARK...]    only those named; of the others the last figures stay
#   build_time runs only when it is named
#   --quick    small sizes and few rounds, to see that all of it runs; docs/benchmarks.md stays
# Figures are kept as soon as they are measured, in build/benchmarks, and the page is written after each benchmark.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python3
results=$root/build/benchmarks
names=(adamw storage products newton_schulz compile_time models)
known=("${names[@]}" build_time)
cd "$root"

quick=no
[ "${1:-}" != --quick ] || {
  quick=yes
  shift
}
for name in "$@"; do
  case " ${known[*]} " in *" $name "*) continue ;; esac
  echo "error: there is no benchmark '$name'; there are: ${known[*]}" >&2
  exit 1
done
[ $# -eq 0 ] || names=("$@")

# quickly NAME
quickly() {
  case $1 in
  adamw) "$python" benchmarks/adamw.py --rounds 1 --table '1,000 of 4 KB' ;;
  storage) "$python" benchmarks/storage.py --elements 65536 --rounds 1 --threads 1 ;;
  products) "$python" benchmarks/products.py --quick --work square_f32 --threads 1 ;;
  build_time) echo "build_time: left out" ;;
  *) "$python" "benchmarks/$1.py" --quick ;;
  esac
}

# measure NAME: its text, and its figures in a file
measure() {
  if [ "$1" = build_time ]; then
    benchmarks/build_time.sh
  else
    "$python" "benchmarks/$1.py" --json "$results/$1.json"
  fi
}

mkdir -p "$results"
[ -x build/bin/descent-compile ] || scripts/build.sh
failed=()
for name in "${names[@]}"; do
  echo "[$(date +%T)] $name" >&2
  if [ $quick = yes ]; then
    quickly "$name" || failed+=("$name")
  else
    measure "$name" | tee "$results/$name.txt" || failed+=("$name")
    "$python" benchmarks/page.py
  fi
done
echo "[$(date +%T)] done" >&2
[ ${#failed[@]} -eq 0 ] || {
  echo "error: these failed, or a part of them: ${failed[*]}" >&2
  exit 1
}
