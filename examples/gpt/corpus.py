#!/usr/bin/env python3
"""Makes the demo's text: C++ headers of the installed LLVM, one after another."""

import argparse
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path


def find_headers() -> Path | None:
    """The include folder of the installed LLVM."""
    candidates: list[Path] = []
    config = shutil.which("llvm-config-22") or shutil.which("llvm-config")
    if config:
        result = subprocess.run([config, "--includedir"], capture_output=True, text=True, check=False)
        candidates.append(Path(result.stdout.strip()))
    candidates += [Path("/usr/lib/llvm-22/include"), Path("/usr/include/llvm-22")]
    return next((path for path in candidates if (path / "llvm").is_dir()), None)


def collect(folder: Path, limit: int) -> bytes:
    """At most `limit` bytes of whole ASCII files."""
    names = sorted(str(path.relative_to(folder)) for part in ("llvm", "llvm-c") for path in part_headers(folder / part))
    # By the hash of their names: the beginning and the end of the text then come from all over the library.
    names.sort(key=lambda name: hashlib.sha256(name.encode()).digest())
    text = bytearray()
    for name in names:
        content = (folder / name).read_bytes()
        if content.isascii() and len(text) + len(content) <= limit:
            text += content
    return bytes(text)


def part_headers(folder: Path) -> list[Path]:
    # The folder itself may be a link, which rglob would not follow on its own.
    return [folder / path.relative_to(folder.resolve()) for path in folder.resolve().rglob("*.h")]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path, help="the file to write")
    parser.add_argument("--include", type=Path, help="a folder with an llvm/ folder (default: of the installed LLVM)")
    parser.add_argument("--bytes", type=int, default=4_000_000, help="the most bytes to take (default: %(default)s)")
    args = parser.parse_args()
    folder = args.include or find_headers()
    if folder is None or not (folder / "llvm").is_dir():
        print("corpus.py: no LLVM headers found; name their folder with --include", file=sys.stderr)
        return 1
    text = collect(folder, args.bytes)
    args.output.write_bytes(text)
    print(f"{args.output}: {len(text)} bytes, {len(set(text))} different characters")
    return 0


if __name__ == "__main__":
    sys.exit(main())
