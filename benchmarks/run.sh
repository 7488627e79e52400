#!/usr/bin/env bash
# Runs every benchmark and writes docs/benchmarks.md.
# usage: benchmarks/run.sh [BENCHMARK...]    only adamw, compile_time or build_time; of the others the last figures stay
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python3
page=$root/docs/benchmarks.md
results=$root/build/benchmarks
cd "$root"
mkdir -p "$results"

[ -x build/bin/descent-compile ] || scripts/build.sh
for name in adamw compile_time build_time; do
  case " ${*:-$name} " in *" $name "*) ;; *) [ -s "$results/$name.txt" ] && continue ;; esac
  if [ "$name" = build_time ]; then
    benchmarks/build_time.sh
  else
    "$python" "benchmarks/$name.py"
  fi | tee "$results/$name.txt.new"
  mv "$results/$name.txt.new" "$results/$name.txt"
done

# section TITLE COMMAND RESULT <TEXT
section() {
  printf '\n## %s\n\n' "$1"
  cat
  printf '\n```bash\n%s\n```\n\n```text\n' "$2"
  cat "$results/$3"
  printf '```\n'
}

{
  cat <<'TEXT'
# Benchmarks

This page is written by `benchmarks/run.sh`, which runs what follows. Figures are medians of repeated runs; the machine
may have had other work, which its load average before each benchmark tells.
TEXT
  section "AdamW" "scripts/setup.sh --tests && .venv/bin/python3 benchmarks/adamw.py" adamw.txt <<'TEXT'
One step of AdamW in f32, beside `torch.optim.AdamW(fused=True)` and beside a loop by hand
([adamw_loop.c](../benchmarks/adamw_loop.c)) with the same streams: four read, three written. All are first checked
against NumPy in float64. A pair shares one process and the same arrays, and takes turns; above 1, Descent is faster.
TEXT
  section "descent-compile" ".venv/bin/python3 benchmarks/compile_time.py" compile_time.txt <<'TEXT'
From a rule of the library, or a recipe of three groups, to a shared object (which calls the linker) and to an object.
TEXT
  section "Building Descent" "benchmarks/build_time.sh" build_time.txt <<'TEXT'
In a copy of the sources, without ccache.
TEXT
} >"$page"
echo "wrote docs/benchmarks.md"
