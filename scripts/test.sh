#!/usr/bin/env bash
# Sets up, builds and runs every test; the last line is "N passed, N failed, N skipped".
# usage: scripts/test.sh [--filter TEXT] [--suite NAME]... [--sanitize | --no-sanitize]
#   --filter TEXT   only tests whose name contains TEXT
#   --suite NAME    only this suite; --suite list names them
#   --sanitize      only the AddressSanitizer and UBSan build; --no-sanitize leaves it out
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

sanitize=both
arguments=()
while [ $# -gt 0 ]; do
  case $1 in
  --sanitize) sanitize=only ;;
  --no-sanitize) sanitize=no ;;
  --filter | --suite)
    [ $# -ge 2 ] || fail "$1 wants a value"
    arguments+=("$1" "$2")
    shift
    ;;
  *) fail "unknown option '$1'; see the first lines of scripts/test.sh" ;;
  esac
  shift
done

"$root/scripts/setup.sh" --tests || {
  echo "0 passed, 1 failed"
  exit 1
}
# A build that fails is a test that fails: the count still ends the output.
[ "$sanitize" = only ] || "$root/scripts/build.sh" all mlir-doc || arguments+=(--broken "build")
programs=(descent-opt descent-compile descent-lsp-server runtime-test)
[ "$sanitize" = no ] || SANITIZE=1 BUILD_DIR="$build-sanitize" "$root/scripts/build.sh" "${programs[@]}" ||
  arguments+=(--broken "sanitized build")

exec "$root/.venv/bin/python3" "$root/scripts/run_tests.py" \
  --build "$build" --sanitize "$sanitize" ${arguments[@]+"${arguments[@]}"}
