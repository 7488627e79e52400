"""What a section works with."""

from __future__ import annotations

from dataclasses import dataclass

from .build import Folder
from .devices import Device
from .records import Notebook


@dataclass(frozen=True)
class Context:
    device: Device
    folder: Folder
    notes: Notebook
