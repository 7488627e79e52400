"""Runs optimizers that Descent compiled, on NumPy arrays in place.

import descent, numpy as np

muon = descent.load("muon.so")                      # or descent.compile("muon", "muon.so")
w, g = np.ones((64, 32), np.float32), np.ones((64, 32), np.float32)
with muon.optimizer([descent.Layer("w", w, g)], threads=2) as optimizer:
    optimizer.step(1, hyper={"lr": 0.02})           # changes w
    optimizer.states["w"]["m"]                      # a view of the momentum
"""

from . import bfloat16
from .artifact import Artifact, load
from .compiler import compile
from .errors import Code, Error
from .layer import Layer
from .optimizer import Optimizer, StepResult
from .parallel import Parallel
from .profile import Profile

__all__ = [
    "Artifact",
    "Code",
    "Error",
    "Layer",
    "Optimizer",
    "Parallel",
    "Profile",
    "StepResult",
    "bfloat16",
    "compile",
    "load",
]
