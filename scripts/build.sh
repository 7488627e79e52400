#!/usr/bin/env bash
# Configures and builds. usage: scripts/build.sh [targets...]
# BUILD_DIR: where (build, or build-sanitize). SANITIZE=1: with AddressSanitizer and UBSan. JOBS: how many at once.
# CMAKE_ARGS: further options of cmake.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

llvm=${LLVM_PREFIX:-/usr/lib/llvm-22}
options=(
  -DCMAKE_C_COMPILER="$llvm/bin/clang" -DCMAKE_CXX_COMPILER="$llvm/bin/clang++"
  -DCMAKE_{EXE,SHARED,MODULE}_LINKER_FLAGS=-fuse-ld=lld
  -DMLIR_DIR="$llvm/lib/cmake/mlir" -DLLVM_DIR="$llvm/lib/cmake/llvm"
)
name=$(basename "$build")
if [ "${SANITIZE:-0}" = 1 ]; then
  [ -n "${BUILD_DIR:-}" ] || build=$root/build-sanitize
  name="$(basename "$build"), sanitized"
  # -O1 keeps stack traces readable, and halves the time to build.
  options+=(-DDESCENT_SANITIZE=address,undefined -DCMAKE_{C,CXX}_FLAGS_RELEASE=-O1)
fi
# shellcheck disable=SC2206
options+=(${CMAKE_ARGS:-})

configure() {
  cmake -G Ninja -S "$root" -B "$build" "${options[@]}"
}

# Ninja's last line stands for all: "[120/345] Building ...".
build_targets() {
  ninja -C "$build" ${JOBS:+-j "$JOBS"} "$@"
}

log=$build/build.log
mkdir -p "$build"
: >"$log"
# Ninja configures again by itself when a CMake file changes; other options need a new start.
if [ ! -f "$build/build.ninja" ] || ! cmp -s <(printf '%s\n' "${options[@]}") "$build/options"; then
  step "$log" "configure ($name)" configure
  printf '%s\n' "${options[@]}" >"$build/options"
fi
step "$log" "build ($name)" build_targets "$@"
