#!/usr/bin/env bash
# Runs the benchmarks and writes docs/benchmarks.md.
# usage: benchmarks/run.sh [--quick] [BENCHMARK...]    only those named; of the others the last figures stay
#   --quick    small sizes and few rounds, to see that all of it runs; the page is not written
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python3
results=$root/build/benchmarks
comparisons=(newton_schulz models)
texts=(adamw compile_time build_time)
cd "$root"
mkdir -p "$results"

quick=no
[ "${1:-}" != --quick ] || {
  quick=yes
  shift
}
for name in "$@"; do
  case " ${comparisons[*]} ${texts[*]} " in
  *" $name "*) ;;
  *)
    echo "error: there is no benchmark '$name'; there are: ${comparisons[*]} ${texts[*]}" >&2
    exit 1
    ;;
  esac
done

# wanted NAME: it was asked for, or nothing was.
wanted() {
  case " ${arguments:-$1} " in *" $1 "*) return 0 ;; esac
  return 1
}
arguments=$*

[ -x build/bin/descent-compile ] || scripts/build.sh
for name in "${comparisons[@]}"; do
  wanted "$name" || continue
  if [ $quick = yes ]; then
    "$python" "benchmarks/$name.py" --quick
  else
    "$python" "benchmarks/$name.py" --rows "$results/$name.json"
  fi
done
[ $quick = no ] || exit 0
for name in "${texts[@]}"; do
  wanted "$name" || continue
  if [ "$name" = build_time ]; then
    benchmarks/build_time.sh
  else
    "$python" "benchmarks/$name.py"
  fi | tee "$results/$name.txt.new"
  mv "$results/$name.txt.new" "$results/$name.txt"
done
"$python" benchmarks/page.py
