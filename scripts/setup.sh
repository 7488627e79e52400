#!/usr/bin/env bash
# Installs what building needs on Debian 12, and a Python environment in .venv with descent-run. Keeps what is there.
# usage: scripts/setup.sh [--tests]     --tests: also pytest and, if it can be had, PyTorch
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/steps.sh"

tests=no
for argument in "$@"; do
  case $argument in
  --tests) tests=yes ;;
  *) fail "unknown option '$argument'; usage: scripts/setup.sh [--tests]" ;;
  esac
done

log=$build/setup.log
venv=$root/.venv

packages=(
  clang-22 clang-format-22 lld-22 libclang-rt-22-dev llvm-22-dev llvm-22-tools libmlir-22-dev mlir-22-tools
  gcc g++ libc6-dev cmake ninja-build ccache python3 python3-venv ca-certificates
)
programs=(
  /usr/lib/llvm-22/bin/{clang,clang++,clang-format,ld.lld,FileCheck,not,split-file,lit,mlir-tblgen} gcc g++ cmake ninja
)

missing_packages() {
  local package
  for package in "${packages[@]}"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || echo "$package"
  done
}

missing_programs() {
  local program
  for program in "${programs[@]}"; do
    command -v "$program" >/dev/null || echo "$program"
  done
}

install_packages() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update
  apt-get install -y --no-install-recommends "$@"
}

system_name() {
  (. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-an unknown system}") || uname -sr
}

set_up_system() {
  local missing
  if ! command -v dpkg-query apt-get >/dev/null; then
    missing=$(missing_programs | tr '\n' ' ')
    [ -z "$missing" ] || fail "this script installs packages on Debian 12 only, and this is $(system_name)." \
      "Install LLVM and MLIR 22.1 under /usr/lib/llvm-22, and: $missing"
    return 0
  fi
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    # The programs are what counts, wherever they come from.
    [ -n "$(missing_programs)" ] || return 0
    fail "packages are missing and this is not root; run: sudo apt-get update && sudo apt-get install $missing"
  fi
  [ -n "$(apt-cache policy clang-22 2>/dev/null)" ] || apt-get update -qq >>"$log" 2>&1 || true
  [ -n "$(apt-cache policy clang-22 2>/dev/null)" ] ||
    fail "no package clang-22 here, and this is $(system_name); Debian 12 has it in bookworm-security"
  # shellcheck disable=SC2086
  step "$log" "setup: $(wc -w <<<"$missing") system packages" install_packages $missing
}

usable_python() {
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1
}

create_venv() {
  local python
  for python in "${PYTHON:-}" /usr/bin/python3 python3 python3.{13,12,11,10}; do
    if [ -n "$python" ] && usable_python "$python"; then
      rm -rf "$venv"
      "$python" -m venv "$venv"
      return
    fi
  done
  echo "no Python of at least 3.10 with the module venv; install one, or name it in the variable PYTHON"
  return 1
}

set_up_venv() {
  usable_python "$venv/bin/python3" && "$venv/bin/python3" -m pip --version >/dev/null 2>&1 && return 0
  step "$log" "setup: Python environment" create_venv
}

# A file is installed when its copy in the environment says so.
set_up_requirements() {
  local file=$1
  cmp -s "$root/$file" "$venv/$file" && return 0
  step "$log" "setup: $file" "$venv/bin/python3" -m pip install --disable-pip-version-check -r "$root/$file"
  cp "$root/$file" "$venv/$file"
}

has_torch() {
  "$venv/bin/python3" -c 'import sys; from importlib.metadata import version
sys.exit(tuple(int(n) for n in version("torch").split(".")[:2]) < (2, 9))' >/dev/null 2>&1
}

install_torch() {
  local pip=("$venv/bin/python3" -m pip install --disable-pip-version-check --retries 1)
  # The CPU build where pip is told of one; the plain package brings libraries for GPUs, gigabytes of them.
  "${pip[@]}" torch==2.13.0+cpu || "${pip[@]}" -r "$root/requirements-torch.txt" ||
    echo "PyTorch could not be installed; the tests that compare with it will be skipped"
}

set_up_torch() {
  has_torch && return 0
  step "$log" "setup: PyTorch, for the tests" install_torch
  has_torch || echo "setup: no PyTorch; the tests that compare with it will be skipped"
}

# Runs the sources of this tree: nothing is copied that could grow old.
install_descent_run() {
  cat >"$venv/bin/descent-run.new" <<TEXT
#!$venv/bin/python3
import os, sys
sys.path.insert(0, "$root/python")
os.environ.setdefault("DESCENT_BUILD", "$build")
from descent.run.main import main
sys.exit(main())
TEXT
  chmod +x "$venv/bin/descent-run.new"
  mv "$venv/bin/descent-run.new" "$venv/bin/descent-run"
}

mkdir -p "$build"
set_up_system
set_up_venv
set_up_requirements requirements.txt
install_descent_run
if [ "$tests" = yes ]; then
  set_up_requirements requirements-test.txt
  set_up_torch
fi
