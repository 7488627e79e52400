"""A plan for arrays of the host is refused: there is no driver, no device, or the arrays are no memory of one."""

import sys

import descent
import numpy as np

WORDS = ("NVIDIA's driver", "loading the kernels", "no memory of a device")

artifact = descent.load(sys.argv[1])
w, g = np.zeros((2, 8, 16), np.float32)
try:
    artifact.optimizer([descent.Layer("w", w, g)])
except descent.Error as error:
    sys.exit(not any(word in str(error) for word in WORDS))
sys.exit("a plan was made of arrays that no device reaches")
