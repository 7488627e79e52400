"""lit's configuration. The site configuration in the build directory loads it.

Substitutions beside the tools' names: %cc and %cxx, the compilers; %runtime_lib, what generated code links;
%include, the folder of descent/Runtime/descent.h; %simulate, which makes a program that launches the kernels of LLVM
IR under the simulator; %optimizers, the library of rules; %fake_cuda, the folder of a driver that runs no kernels;
%python, with NumPy.
"""

import os
import platform
import shutil
import subprocess
from pathlib import Path

import lit.formats

source = Path(config.descent_source)
build = Path(config.descent_build)

config.name = "Descent"
config.test_format = lit.formats.ShTest(execute_external=False)
config.suffixes = [".mlir", ".test"]
# The other folders hold Python tests, and inputs that they read.
config.excludes = ["Inputs", "Integration", "Products", "Python", "Examples", "Docs", "Style", "Fuzz", "Runtime"]
config.test_source_root = str(source / "test")
config.test_exec_root = str(build / "test")

tools = [str(build / "bin"), config.llvm_tools]
config.environment["PATH"] = os.pathsep.join(tools + [config.environment.get("PATH", "")])
config.environment["PYTHONPATH"] = str(source / "python")
config.environment["DESCENT_BUILD"] = str(build)
toolkit_variables = ("CUDA_HOME", "CUDA_ROOT", "CUDA_PATH")
config.environment |= {name: os.environ[name] for name in toolkit_variables if name in os.environ}

compile_flags = ""
if config.sanitize:
    compile_flags = f" -fsanitize={config.sanitize}"
    config.available_features.add("sanitize")
    config.environment["UBSAN_OPTIONS"] = "print_stacktrace=1"

environment_python = source / ".venv" / "bin" / "python3"
python = str(environment_python) if environment_python.exists() else shutil.which("python3")

for name, value in {
    "%cc": os.path.join(config.llvm_tools, "clang") + compile_flags,
    "%cxx": os.path.join(config.llvm_tools, "clang++") + compile_flags,
    "%runtime_lib": str(build / "lib" / "libdescent_runtime.a"),
    "%include": str(source / "include"),
    "%simulate": f"{os.path.join(config.llvm_tools, 'clang')}{compile_flags} -O1 -rdynamic -Wno-override-module"
                 f" -I{source / 'lib' / 'Runtime' / 'Simulator'}"
                 f" {source / 'examples' / 'simulator' / 'launch.c'}"
                 f" {build / 'lib' / 'libdescent_simulator.a'} -lm -x ir",
    "%fake_cuda": str(build / "test" / "Runtime"),
    "%optimizers": str(source / "lib" / "Optimizers"),
    "%python": python,
}.items():
    config.substitutions.append((name + r"\b", value))


def python_has(module):
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec('{module}') is None)"
    return subprocess.run([python, "-c", code]).returncode == 0


def processor_flags():
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


def toolkit_has(program):
    """As descent-compile looks for CUDA's programs."""
    folders = [os.environ.get(name) for name in toolkit_variables] + ["/usr/local/cuda"]
    places = [os.path.join(folder, "bin") for folder in folders if folder]
    return shutil.which(program) is not None or any(shutil.which(program, path=place) for place in places)


flags = processor_flags()
features = {
    "ptxas": toolkit_has("ptxas") and toolkit_has("fatbinary"),
    "numpy": python_has("numpy"),
    "torch": python_has("torch"),
    "x86": platform.machine() == "x86_64",
    "x86-avx2": {"avx2", "fma"} <= flags,
    "x86-avx512": {"avx512f", "avx512bw", "avx512dq", "avx512vl"} <= flags,
    "x86-avx512bf16": {"avx512_bf16", "avx512vbmi"} <= flags,
}
config.available_features |= {name for name, present in features.items() if present}
