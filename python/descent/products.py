"""A library of matrix products, `descent-compile --emit=products`: for tests and benchmarks of the kernels alone."""

from __future__ import annotations

import ctypes
import os
import subprocess
from ctypes import POINTER, byref, c_char_p, c_double, c_int32, c_int64, c_uint64, c_void_p

import numpy as np

from .abi import ErrorStruct, ParallelStruct, View
from .compiler import find_program
from .errors import invalid_argument


class ProductStruct(ctypes.Structure):
    """`descent_product` of products.h."""

    _fields_ = [
        ("size", c_uint64),
        ("kind", c_char_p),
        ("rows", c_int64),
        ("cols", c_int64),
        ("inner", c_int64),
        ("a", View),
        ("b", View),
        ("c", View),
        ("d", View),
        ("alpha", c_double),
        ("beta", c_double),
        ("workspace", c_void_p),
        ("parallel", POINTER(ParallelStruct)),
    ]


def compile_products(output: str | os.PathLike[str], *options: str) -> Products:
    """Compiles a library to the shared object `output`; options are those of `descent-compile`."""
    program = find_program()
    if program is None:
        raise invalid_argument("'descent-compile' is not in PATH; set DESCENT_BUILD to the build folder")
    command = [str(program), "--emit=products", "-o", os.fspath(output), *options]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        raise invalid_argument(f"'{' '.join(command)}' failed:\n{finished.stderr}")
    return Products(output)


def view(matrix: np.ndarray | None) -> View:
    """Rows of any stride; columns are contiguous."""
    if matrix is None:
        return View()
    if matrix.ndim != 2 or (matrix.shape[1] > 1 and matrix.strides[1] != matrix.itemsize):
        raise invalid_argument(f"the matrix has shape {matrix.shape}, strides {matrix.strides}: wants contiguous rows")
    return View(matrix.ctypes.data, matrix.strides[0] // matrix.itemsize, 0)


class Products:
    """The library, and workers that run its products. bf16 matrices are uint16 arrays of their bits."""

    def __init__(self, path: str | os.PathLike[str], workers: int = 1) -> None:
        self.library = ctypes.CDLL(os.fspath(path))
        self.library.products_product_bytes.restype = c_int64
        self.library.products_product_run.restype = c_int32
        self.library.products_workers_create.restype = POINTER(ParallelStruct)
        self.library.products_workers_create.argtypes = [c_int64]
        self.workers = self.library.products_workers_create(workers) if workers > 1 else None
        if workers > 1 and not self.workers:
            raise invalid_argument(f"no {workers} workers: the system has no threads or memory for them")
        self.path = path

    def close(self) -> None:
        """Ends the workers."""
        if self.workers:
            self.library.products_workers_destroy(self.workers)
            self.workers = None

    def prepare(
        self,
        kind: str,
        a: np.ndarray,
        b: np.ndarray | None,
        c: np.ndarray,
        d: np.ndarray | None = None,
        alpha: float = 1.0,
        beta: float = 0.0,
    ) -> ProductStruct:
        """A product without its workspace."""
        rows, inner = a.shape
        views = [view(matrix) for matrix in (a, b, c, d)]
        return ProductStruct(ctypes.sizeof(ProductStruct), kind.encode(), rows, c.shape[1], inner, *views, alpha, beta,
                             None, self.workers)

    def bytes(self, product: ProductStruct) -> int:
        """What the product wants as workspace."""
        error = ErrorStruct(ctypes.sizeof(ErrorStruct))
        size = self.library.products_product_bytes(byref(product), byref(error))
        if size < 0:
            raise invalid_argument(error.message.decode())
        return size

    def run(self, product: ProductStruct) -> None:
        """Computes c."""
        error = ErrorStruct(ctypes.sizeof(ErrorStruct))
        if self.library.products_product_run(byref(product), byref(error)) != 0:
            raise invalid_argument(error.message.decode())
