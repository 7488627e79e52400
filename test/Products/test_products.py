"""The kernels of products alone, of any size, on every instruction set of this machine, against float64.

Memory between rows, behind matrices and in the workspace is full of NaN: what is read there shows in the result, what
is written there is found.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from descent.abi import ParallelStruct
from descent.bfloat16 import from_bfloat16, to_bfloat16
from descent.products import Products, compile_products

SIZES = [(1, 1, 1), (3, 5, 7), (33, 1000, 77), (770, 770, 770), (64, 64, 1), (257, 129, 1), (97, 33, 1025),
         (100, 300, 2077), (16, 900, 400), (50, 768, 768), (1000, 100, 1000), (129, 2, 31), (5, 40, 0), (8, 32, 64),
         (96, 256, 1024), (700, 600, 513), (20, 1300, 1200), (1, 300, 1100), (40, 17, 30), (9, 40, 50), (500, 5, 9)]
KINDS = ["f32", "bf16"]


def flags() -> set[str]:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())


WANTED = {"cpu:sse4": {"sse4_2", "popcnt"}, "cpu:avx2": {"avx2", "fma"},
          "cpu:avx512": {"avx512f", "avx512bw", "avx512vl"},
          "cpu:avx512bf16": {"avx512_bf16", "avx512vbmi", "avx512bw", "avx512vl"}}
TARGETS = [name for name, wanted in WANTED.items() if wanted <= flags()]


@pytest.fixture(scope="module", params=TARGETS)
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Products]:
    path = tmp_path_factory.mktemp("products") / "products.so"
    compile_products(path, f"--target={request.param}")
    yield Products(path)


class Matrix:
    """A matrix in memory that is full of NaN beside it."""

    def __init__(self, values: np.ndarray, kind: str, pad: int) -> None:
        rows, cols = values.shape
        self.kind = kind
        dtype = np.uint16 if kind == "bf16" else np.float32
        self.memory = np.full((rows + 2, cols + pad), 0x7FC1 if kind == "bf16" else np.nan, dtype)
        self.view = self.memory[1:1 + rows, :cols]
        self.view[...] = to_bfloat16(values) if kind == "bf16" else values
        self.outside = np.ones(self.memory.shape, bool)
        self.outside[1:1 + rows, :cols] = False

    def numbers(self) -> np.ndarray:
        """Its entries as float64."""
        return (from_bfloat16(self.view.copy()) if self.kind == "bf16" else self.view).astype(np.float64)

    def is_framed(self) -> bool:
        """Whether the memory beside it is as it was."""
        frame = self.memory[self.outside]
        return bool(np.all(frame == 0x7FC1) if self.kind == "bf16" else np.all(np.isnan(frame)))


def run(library: Products, kind: str, operands: list[Matrix | None], alpha: float = 1.0, beta: float = 0.0) -> None:
    product = library.prepare(kind, *[matrix and matrix.view for matrix in operands], alpha=alpha, beta=beta)
    size = library.bytes(product)
    memory = np.full(size + 64 + 4096, 0xFF, np.uint8)  # NaNs of every type
    begin = -memory.ctypes.data % 64
    product.workspace = memory.ctypes.data + begin
    library.run(product)
    assert np.all(memory[begin + size:] == 0xFF) and np.all(memory[:begin] == 0xFF), "the workspace was exceeded"


def check(result: Matrix, expected: np.ndarray, magnitude: np.ndarray, inner: int) -> None:
    """Sums in f32 of `inner` terms, rounded twice each without fused multiply-adds: (2 inner + 3) eps times the sum of
    their magnitudes; the result is rounded once more."""
    bound = (2 * inner + 3) * 2.0**-24 * magnitude + 1e-30
    if result.kind == "bf16":
        bound = bound + 2.0**-8 * np.abs(expected)
    error = np.abs(result.numbers() - expected)
    assert np.all(error <= bound), f"{np.argwhere(~(error <= bound))[:5]}, {np.nanmax(error / bound)} times the bound"
    assert result.is_framed(), "memory beside the result was written"


def random(rng: np.random.Generator, rows: int, cols: int, kind: str) -> Matrix:
    return Matrix(rng.standard_normal((rows, cols)).astype(np.float32), kind, int(rng.integers(0, 40)))


def check_gemm(library: Products, kind: str, shape: tuple[int, int, int], seed: int) -> None:
    rows, cols, inner = shape
    rng = np.random.default_rng(seed)
    a, b = random(rng, rows, inner, kind), random(rng, inner, cols, kind)
    c, d = random(rng, rows, cols, kind), random(rng, rows, cols, kind)
    product, magnitude = a.numbers() @ b.numbers(), np.abs(a.numbers()) @ np.abs(b.numbers())
    run(library, f"gemm_{kind}", [a, b, c, None])
    check(c, product, magnitude, inner)
    expected = -0.75 * product + 1.5 * d.numbers()
    run(library, f"gemm_{kind}", [a, b, c, d], -0.75, 1.5)
    check(c, expected, magnitude + 2 * np.abs(d.numbers()), inner)
    run(library, f"gemm_{kind}", [a, b, d, d], -0.75, 1.5)
    assert np.array_equal(d.view, c.view), "in place, the result differs"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SIZES, ids=str)
def test_products_of_special_sizes(library: Products, kind: str, shape: tuple[int, int, int]) -> None:
    check_gemm(library, kind, shape, 1)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(12))
def test_products_of_random_sizes(library: Products, kind: str, seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    rows, cols, inner = (int(2**size) for size in rng.uniform(0, 10.1, 3))
    check_gemm(library, kind, (rows, cols, inner), seed)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(1, 1), (31, 5), (33, 64), (96, 7), (97, 1025), (128, 128), (193, 100), (300, 1),
                                   (500, 770), (770, 33)], ids=str)
def test_squares_are_symmetric(library: Products, kind: str, shape: tuple[int, int]) -> None:
    rows, inner = shape
    rng = np.random.default_rng(rows)
    a, c = random(rng, rows, inner, kind), random(rng, rows, rows, kind)
    product, magnitude = a.numbers() @ a.numbers().T, np.abs(a.numbers()) @ np.abs(a.numbers()).T
    run(library, f"square_{kind}", [a, a, c, None], 0.5)
    check(c, 0.5 * product, magnitude, inner)
    assert np.array_equal(c.view, c.view.T)
    d = Matrix(c.numbers().astype(np.float32), kind, 3)
    expected = 2.0 * product - d.numbers()
    run(library, f"square_{kind}", [a, a, d, d], 2.0, -1.0)
    check(d, expected, 3 * magnitude, inner)
    assert np.array_equal(d.view, d.view.T)


@pytest.mark.parametrize("kind", KINDS)
def test_an_addend_without_weight_is_not_read(library: Products, kind: str) -> None:
    rng = np.random.default_rng(5)
    a, b, c = random(rng, 40, 50, kind), random(rng, 50, 60, kind), random(rng, 40, 60, kind)
    nans = Matrix(np.full((40, 60), np.nan, np.float32), kind, 0)
    run(library, f"gemm_{kind}", [a, b, c, nans], 1.0, 0.0)
    assert np.all(np.isfinite(c.numbers()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("inner", [1, 3, 33, 1025])
def test_the_last_index_of_an_odd_extent_may_be_infinite(library: Products, kind: str, inner: int) -> None:
    rng = np.random.default_rng(inner)
    a, b, c = random(rng, 20, inner, kind), random(rng, inner, 70, kind), random(rng, 20, 70, kind)
    infinite = 0x7F80 if kind == "bf16" else np.inf
    b.view[-1, 5] = infinite
    b.view[-1, 69] = infinite
    run(library, f"gemm_{kind}", [a, b, c, None])
    numbers = c.numbers()
    assert np.all(np.isinf(numbers[:, [5, 69]])) and np.all(np.isfinite(np.delete(numbers, [5, 69], 1)))


@pytest.mark.parametrize("kind", [f"{name}_{kind}" for name in ("gemm", "square") for kind in KINDS])
@pytest.mark.parametrize("shape", [(770, 500, 300), (200, 1000, 1500), (40, 3000, 600)], ids=str)
def test_two_workers_give_the_same_bits(library: Products, kind: str, shape: tuple[int, int, int]) -> None:
    rows, cols, inner = shape
    name, _, element = kind.partition("_")
    cols = rows if name == "square" else cols
    rng = np.random.default_rng(9)
    a, b, one = random(rng, rows, inner, element), random(rng, inner, cols, element), random(rng, rows, cols, element)
    run(library, kind, [a, b, one, None])
    both = Products(library.path, workers=2)
    for _ in range(3):
        two = random(rng, rows, cols, element)
        run(both, kind, [a, b, two, None])
        assert np.array_equal(one.view, two.view)
    both.close()


def test_the_callers_rounding_changes_no_bit(library: Products) -> None:
    rng = np.random.default_rng(3)
    a, b = random(rng, 200, 300, "f32"), random(rng, 300, 150, "f32")
    nearest, upward = random(rng, 200, 150, "f32"), random(rng, 200, 150, "f32")
    run(library, "gemm_f32", [a, b, nearest, None])
    libm = ctypes.CDLL("libm.so.6")
    libm.fesetround(0x800)  # FE_UPWARD of x86
    try:
        run(library, "gemm_f32", [a, b, upward, None])
        kept = libm.fegetround()
    finally:
        libm.fesetround(0)
    assert kept == 0x800 and np.array_equal(nearest.view, upward.view)


def test_workers_that_cannot_be_are_refused(library: Products) -> None:
    a = np.ones((4, 4), np.float32)
    nobody = ParallelStruct(ctypes.sizeof(ParallelStruct), 0)
    product = library.prepare("gemm_f32", a, a, np.zeros_like(a))
    product.parallel = ctypes.pointer(nobody)
    with pytest.raises(Exception, match="has 0 workers and no function, but it wants 1 worker or more"):
        library.bytes(product)
    nobody.size = 8
    with pytest.raises(Exception, match="parallel has size 8, but this version wants"):
        library.bytes(product)


def test_one_worker_is_the_caller(library: Products) -> None:
    rng = np.random.default_rng(4)
    a, c = random(rng, 300, 200, "f32"), random(rng, 300, 300, "f32")
    alone = library.library.products_workers_create(1)
    assert alone and not library.library.products_workers_create(0)
    product = library.prepare("square_f32", a.view, a.view, c.view)
    product.parallel = alone
    workspace = np.zeros(library.bytes(product) + 64, np.uint8)
    product.workspace = workspace.ctypes.data + -workspace.ctypes.data % 64
    library.run(product)
    library.library.products_workers_destroy(alone)
    check(c, a.numbers() @ a.numbers().T, np.abs(a.numbers()) @ np.abs(a.numbers()).T, 200)


def at_the_end_of_a_page(values: np.ndarray) -> np.ndarray:
    """A copy behind which lies a page that nobody may touch."""
    size = -(-values.nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, size + mmap.PAGESIZE)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    assert ctypes.CDLL(None).mprotect(ctypes.c_void_p(address + size), ctypes.c_size_t(mmap.PAGESIZE), 0) == 0
    copy = np.frombuffer(memory, values.dtype, values.size, size - values.nbytes).reshape(values.shape)
    copy[...] = values
    return copy


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(7, 5, 3), (33, 45, 17), (100, 300, 70), (97, 1001, 1025), (1, 1, 1),
                                   (17, 1211, 1300), (1, 300, 70), (20, 24, 10)], ids=str)
def test_nothing_is_touched_behind_a_matrix(library: Products, kind: str, shape: tuple[int, int, int]) -> None:
    rows, cols, inner = shape
    rng = np.random.default_rng(2)
    sizes = [(rows, inner), (inner, cols), (rows, cols), (rows, cols)]
    a, b, c, d = (Matrix(rng.standard_normal(size).astype(np.float32), kind, 0) for size in sizes)
    for matrix in (a, b, c, d):
        matrix.view = at_the_end_of_a_page(matrix.view)
    run(library, f"gemm_{kind}", [a, b, c, d], 1.0, 0.5)
    magnitude = np.abs(a.numbers()) @ np.abs(b.numbers()) + np.abs(d.numbers())
    check(c, a.numbers() @ b.numbers() + 0.5 * d.numbers(), magnitude, inner)
    square = Matrix(np.zeros((rows, rows), np.float32), kind, 0)
    square.view = at_the_end_of_a_page(square.view)
    run(library, f"square_{kind}", [a, a, square, None])
    check(square, a.numbers() @ a.numbers().T, np.abs(a.numbers()) @ np.abs(a.numbers()).T, inner)
