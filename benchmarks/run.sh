#!/usr/bin/env bash
# Runs the benchmarks and writes docs/benchmarks.md.
# usage: benchmarks/run.sh [--quick] [BENCHMARK...]    only those named; of the others the last figures stay
#   --quick    small sizes and few rounds, to see that all of it runs; nothing is written
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python3
results=$root/build/benchmarks
names=(adamw storage products newton_schulz models compile_time build_time)
cd "$root"

quick=no
[ "${1:-}" != --quick ] || {
  quick=yes
  shift
}
for name in "$@"; do
  case " ${names[*]} " in *" $name "*) continue ;; esac
  echo "error: there is no benchmark '$name'; there are: ${names[*]}" >&2
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
for name in "${names[@]}"; do
  if [ $quick = yes ]; then
    quickly "$name"
  else
    measure "$name" | tee "$results/$name.txt.new"
    mv "$results/$name.txt.new" "$results/$name.txt"
  fi
done
[ $quick = yes ] || "$python" benchmarks/page.py
