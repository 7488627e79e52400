"""The ctypes mirror of descent.h against the header itself."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from descent import abi
from descent.errors import Code

ROOT = Path(__file__).resolve().parents[2]

STRUCTS = {
    "descent_error": abi.ErrorStruct,
    "descent_view": abi.View,
    "descent_layer": abi.LayerStruct,
    "descent_parallel": abi.ParallelStruct,
    "descent_allocator": abi.AllocatorStruct,
    "descent_device_options": abi.DeviceOptions,
    "descent_plan_options": abi.PlanOptions,
    "descent_profile": abi.ProfileStruct,
    "descent_step": abi.StepStruct,
    "descent_result": abi.ResultStruct,
    "descent_device_step": abi.DeviceStepStruct,
}


def program() -> str:
    lines = ["#include <stddef.h>", "#include <stdio.h>", '#include "descent/Runtime/descent.h"', "int main(void) {"]
    lines.append('  printf("version %u\\n", DESCENT_ABI_VERSION);')
    for name, struct in STRUCTS.items():
        lines.append(f'  printf("{name} %zu\\n", sizeof({name}));')
        for member, *_ in struct._fields_:
            place = f"offsetof({name}, {member}), sizeof((({name} *)0)->{member})"
            lines.append(f'  printf("{name}.{member} %zu %zu\\n", {place});')
    for code in Code:
        lines.append(f'  printf("DESCENT_{code.name} %d\\n", DESCENT_{code.name});')
    return "\n".join([*lines, "  return 0;", "}", ""])


def compiler() -> str:
    for candidate in (os.environ.get("CC"), "cc", "clang", "clang-22", "gcc"):
        if candidate and shutil.which(candidate):
            return candidate
    pytest.skip("no C compiler")


@pytest.fixture(scope="module")
def header(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """What the C compiler says: sizes of structs, offsets and sizes of members, values of codes."""
    folder = tmp_path_factory.mktemp("abi")
    (folder / "abi.c").write_text(program())
    binary = folder / "abi"
    command = [compiler(), "-std=c11", "-Werror", f"-I{ROOT / 'include'}", str(folder / "abi.c"), "-o", str(binary)]
    subprocess.run(command, check=True)
    lines = subprocess.run([str(binary)], check=True, capture_output=True, text=True).stdout.splitlines()
    return {line.split()[0]: [int(number) for number in line.split()[1:]] for line in lines}


@pytest.mark.parametrize("name", STRUCTS)
def test_struct_mirrors_the_header(header: dict[str, list[int]], name: str) -> None:
    struct = STRUCTS[name]
    assert header[name] == [ctypes.sizeof(struct)]
    for member, *_ in struct._fields_:
        mirrored = getattr(struct, member)
        assert header[f"{name}.{member}"] == [mirrored.offset, mirrored.size], member


def test_members_of_the_mirror_cover_each_struct() -> None:
    """No member of the header is left out: the mirror has no gap but the alignment of the next member."""
    for name, struct in STRUCTS.items():
        end = 0
        for member, member_type, *_ in struct._fields_:
            offset = getattr(struct, member).offset
            assert offset - end < ctypes.alignment(member_type), f"{name}.{member}"
            end = offset + ctypes.sizeof(member_type)
        assert ctypes.sizeof(struct) - end < ctypes.alignment(struct), name


def test_codes_and_version_are_those_of_the_header(header: dict[str, list[int]]) -> None:
    assert header["version"] == [abi.VERSION]
    for code in Code:
        assert header[f"DESCENT_{code.name}"] == [code.value]
    text = (ROOT / "include" / "descent" / "Runtime" / "descent.h").read_text()
    listed = text[text.index("typedef enum descent_code") : text.index("} descent_code;")]
    assert listed.count("DESCENT_") == len(Code)
