#!/usr/bin/env bash
# Checks the kernels on a GPU, and times them beside PyTorch. Two halves, for two machines:
#   scripts/gpu-check.sh build [FOLDER]   where the build of this repository is: compiles what is to run into FOLDER
#                                         (out/gpu-check); --chips=sm_80,sm_90a says for what
#   scripts/gpu-check.sh run [FOLDER]     where a GPU is: needs this repository, FOLDER, and python3 with NumPy, PyTorch
#                                         and pytest; no compiler. Writes gpu-check.md and gpu-check.json into FOLDER
# The status is not 0 when something is wrong; a goal that is missed is told, and no failure.
# --help of either half lists its options; docs/gpu.md tells more. PYTHON names another Python.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

python=${PYTHON:-python3}
if [ -z "${PYTHON:-}" ] && [ -x "$root/.venv/bin/python3" ]; then
  python=$root/.venv/bin/python3
fi
export DESCENT_BUILD=${DESCENT_BUILD:-$root/build}
export PYTHONPATH=$root/scripts:$root/python${PYTHONPATH:+:$PYTHONPATH}
exec "$python" -m gpu_check "$@"
