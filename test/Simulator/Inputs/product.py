"""Prints what launch.c prints of the product of two matrices that it fills with small numbers: in float64.

product.py ROWS COLS INNER inner_last|inner_first: rows of the factors, or their columns, are along the inner extent.
"""

import sys

import numpy as np


def small(rows: int, cols: int) -> np.ndarray:
    return (np.arange(rows * cols, dtype=np.float64) * 5 % 7 - 3).reshape(rows, cols)


rows, cols, inner = map(int, sys.argv[1:4])
if sys.argv[4] == "inner_last":
    product = small(rows, inner) @ small(cols, inner).T
else:
    product = small(inner, rows).T @ small(inner, cols)
for number, row in enumerate(product):
    print(f"argument 2, row {number}:", *(f"{entry:g}" for entry in row))
