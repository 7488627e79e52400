"""Calls `descent-compile`."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from .artifact import Artifact, load
from .errors import invalid_argument

PROGRAM = "descent-compile"


def find_program(program: str | os.PathLike[str] | None = None) -> Path | None:
    """The argument, or `bin/descent-compile` of the build folder in DESCENT_BUILD, or the one in PATH."""
    if program is not None:
        return Path(program)
    build = os.environ.get("DESCENT_BUILD")
    if build:
        return Path(build) / "bin" / PROGRAM
    found = shutil.which(PROGRAM)
    return None if found is None else Path(found)


def compile(
    rule: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *options: str,
    program: str | os.PathLike[str] | None = None,
) -> Artifact:
    """Compiles a rule of the library, by name, or of a file to the shared library `output`, and loads it.

    Options are those of `descent-compile`: compile("scion", "scion.so", "--norm", "#descent.max").
    """
    found = find_program(program)
    if found is None or not os.access(found, os.X_OK):
        where = f"'{found}' is not a program" if found is not None else f"'{PROGRAM}' is not in PATH"
        raise invalid_argument(f"{where}; set DESCENT_BUILD to the build folder, or give 'program'")
    target = Path(output)
    if target.suffix != ".so":
        raise invalid_argument(f"the output ends with '.so', found '{target}'")
    # A library that is loaded must not be written to; removing it leaves the loaded one as it is.
    target.unlink(missing_ok=True)
    command = [str(found), os.fspath(rule), "-o", str(target), *options]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise invalid_argument(f"'{' '.join(command)}' failed with status {finished.returncode}:\n{finished.stderr}")
    return load(target)
