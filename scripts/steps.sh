# Sourced by the other scripts: quiet steps, one line each with its seconds.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${BUILD_DIR:-$root/build}

fail() {
  echo "error: $*" >&2
  exit 1
}

# step LOG TEXT COMMAND...: appends the command's output to LOG, and shows its end when the command fails.
step() {
  local log=$1 text=$2 start=$SECONDS code
  shift 2
  mkdir -p "$(dirname "$log")"
  printf '%-56s' "$text"
  set +e
  (
    set -e
    "$@"
  ) >>"$log" 2>&1
  code=$?
  set -e
  if [ "$code" -ne 0 ]; then
    echo "failed after $((SECONDS - start)) s"
    tail -n 40 "$log" >&2
    fail "'$text' failed; all of its output is in $log"
  fi
  echo "$((SECONDS - start)) s"
}
