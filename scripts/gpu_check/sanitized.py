"""A few steps of small layers, to be watched by compute-sanitizer: `python3 -m gpu_check.sanitized FOLDER`."""

from __future__ import annotations

import sys
from pathlib import Path

from . import programs  # noqa: F401  makes the packages of this repository importable
import descent
import torch

from .build import Folder

SHAPES = ((40, 72), (130, 70), (33,))


def run(folder: Folder, name: str, place: torch.device) -> None:
    artifact = folder.load(name)
    (group,) = artifact.groups
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[group.weight]
    shapes = [shape for shape in SHAPES if group.wants != "matrix" or len(shape) == 2]
    layers = [
        descent.Layer(
            f"w{index}", torch.ones(shape, dtype=dtype, device=place), torch.ones(shape, dtype=dtype, device=place)
        )
        for index, shape in enumerate(shapes)
    ]
    with artifact.optimizer(layers) as optimizer:
        for t in (1, 2):
            optimizer.step(t)
        print(name, [float(layer.weight.float().sum()) for layer in layers])


def main() -> None:
    folder = Folder(Path(sys.argv[1]))
    place = torch.device(sys.argv[2] if len(sys.argv) > 2 else "cuda")
    for name in ("adamw-f32", "adamw-bf16", "muon", "newton-schulz"):
        if folder.has(name):
            run(folder, name, place)


if __name__ == "__main__":
    main()
