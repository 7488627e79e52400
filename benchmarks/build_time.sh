#!/usr/bin/env bash
# Seconds of a full build, and of incremental ones after touching a pass, in a copy of the sources and without ccache.
# usage: benchmarks/build_time.sh    JOBS: how many compilers at once (default: one a processor)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
passes=(lib/Dialect/Descent/Transforms/ExpandNorms.cpp lib/Conversion/DescentToPlan/DescentToPlan.cpp
  lib/Target/Cpu/ExpandBf16.cpp)

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
# As the files are now, committed or not; deleted ones are left out.
(cd "$root" && git ls-files -z --cached --others --exclude-standard |
  while IFS= read -r -d '' file; do [ ! -e "$file" ] || printf '%s\0' "$file"; done |
  xargs -0 cp --parents -t "$folder")

export CCACHE_DISABLE=1 BUILD_DIR=$folder/build
# timed TEXT: one build, and its seconds
timed() {
  local start end
  start=$(date +%s.%N)
  "$folder/scripts/build.sh" >"$folder/log" 2>&1 || {
    cat "$folder/log" >&2
    exit 1
  }
  end=$(date +%s.%N)
  printf '%-58s%7.1f s\n' "$1" "$(echo "$end - $start" | awk '{ print $1 - $3 }')"
}

python3 "$root/benchmarks/machine.py"
echo "jobs: ${JOBS:-$(nproc)}"
timed "configure and build everything"
timed "build again, nothing changed"
for pass in "${passes[@]}"; do
  touch "$folder/$pass"
  timed "build after touching $(basename "$pass")"
done
