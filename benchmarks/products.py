#!/usr/bin/env python3
"""Compares the matrix products alone with OpenBLAS (NumPy's, its AVX2 and AVX-512 kernels) and PyTorch.

    .venv/bin/python3 benchmarks/products.py [--quick] [--json FILE] [--work gemm_f32,square_f32,...]

A pair works in one process of its own, on the same arrays, in turns (python/descent/run/rounds.py) whose steps repeat
the product for some milliseconds; the table has the medians over the turns in GFLOP/s, and the median of the turns'
ratios to the best of the others: above 1, Descent is faster. `square` is a a^T:
one triangle and its mirror image, beside OpenBLAS' ssyrk, which leaves the other triangle out, or the full product of
PyTorch; GFLOP/s count one triangle.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import machine
import numpy as np
import pairs

from descent.run.rounds import Comparison, compare_all

ROOT = pairs.ROOT

Shape = tuple[int, int, int]  # rows, columns, inner extent
Timer = Callable[[int], float]  # repeats -> seconds

SIZES = [64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072]
ODD: list[Shape] = [(770, 770, 770), (1000, 1000, 1000), (333, 333, 333), (129, 129, 129), (33, 77, 1000),
                    (50, 768, 768), (50, 50257, 768), (768, 3072, 768), (768, 768, 3072), (3072, 768, 768),
                    (1, 768, 768), (8, 4096, 512), (16, 1024, 1024), (2048, 64, 512), (64, 2048, 2048),
                    (100, 100, 5000),
                    (4096, 32, 32), (255, 1023, 513), (1600, 1600, 400), (50257, 768, 64), (500, 17, 900)]
SQUARES: list[Shape] = [(n, n, n) for n in (256, 512, 768, 1024, 2048, 4096)] + [(768, 768, 3072), (770, 770, 770)]
BF16: list[Shape] = [(n, n, n) for n in (256, 512, 768, 1024, 2048, 4096)] + [(768, 3072, 768), (770, 770, 770)]
WORK: dict[str, tuple[list[Shape], list[str]]] = {
    "gemm_f32": ([(n, n, n) for n in SIZES] + ODD, ["openblas:SkylakeX", "openblas:Haswell", "torch"]),
    "square_f32": (SQUARES, ["openblas:SkylakeX", "openblas:Haswell"]),
    "gemm_bf16": (BF16, ["torch"]),
    "square_bf16": (SQUARES, ["torch"]),
}
# Seconds of a step, of a round of steps, and of a comparison's undisturbed turns.
STEP, ROUND, BUDGET = 0.02, 0.1, 1.0


def flops(kind: str, shape: Shape) -> float:
    rows, cols, inner = shape
    return 2.0 * rows * cols * inner * (0.5 if kind.startswith("square") else 1.0)


def build(folder: Path) -> None:
    """The library of products, and the loops that call others."""
    from descent.products import compile_products

    folder.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("DESCENT_BUILD", str(ROOT / "build"))
    compile_products(folder / "products.so")
    compiler = next(found for name in ("clang-22", "cc", "clang", "/usr/lib/llvm-22/bin/clang")
                    if (found := shutil.which(name)))
    source, loop = ROOT / "benchmarks" / "products_loop.c", folder / "products_loop.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", str(source), "-o", str(loop)], check=True)


def arrays(kind: str, shape: Shape) -> list[np.ndarray]:
    rows, cols, inner = shape
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal(size, dtype=np.float32) for size in ((rows, inner), (inner, cols), (rows, cols))]
    if kind.endswith("bf16"):
        matrices = [(matrix.view(np.uint32) >> 16).astype(np.uint16) for matrix in matrices]
    return matrices


def own(folder: Path, loop: ctypes.CDLL, threads: int) -> Callable[[str, list[np.ndarray]], Timer]:
    from descent.products import Products

    library = Products(folder / "products.so", workers=threads)

    def timer(kind: str, matrices: list[np.ndarray]) -> Timer:
        a, b, c = matrices
        product = library.prepare(kind, a, b, c)
        workspace = np.zeros(library.bytes(product) + 64, np.uint8)
        product.workspace = workspace.ctypes.data + -workspace.ctypes.data % 64
        library.run(product)
        run, place = ctypes.cast(library.library.products_product_run, ctypes.c_void_p), ctypes.byref(product)
        kept = (workspace, product, matrices)
        return lambda repeats: kept and loop.time_products(ctypes.c_int64(repeats), run, place)

    return timer


def openblas(loop: ctypes.CDLL) -> tuple[Callable[[str, list[np.ndarray]], Timer], str]:
    """NumPy's copy; its kernels and threads come from the environment."""
    path = next((Path(np.__file__).parent.parent / "numpy.libs").glob("libscipy_openblas64_*"))
    library = ctypes.CDLL(str(path))
    library.scipy_openblas_get_config64_.restype = library.scipy_openblas_get_corename64_.restype = ctypes.c_char_p
    name = library.scipy_openblas_get_config64_().decode() + ": " + library.scipy_openblas_get_corename64_().decode()

    def timer(kind: str, matrices: list[np.ndarray]) -> Timer:
        a, b, c = (ctypes.c_void_p(matrix.ctypes.data) for matrix in matrices)
        rows, inner = matrices[0].shape
        m, n, k = (ctypes.c_int64(size) for size in (rows, matrices[2].shape[1], inner))
        if kind == "square_f32":
            syrk = ctypes.cast(library.scipy_cblas_ssyrk64_, ctypes.c_void_p)
            return lambda repeats: loop.time_syrk(ctypes.c_int64(repeats), syrk, m, k, a, c)
        gemm = ctypes.cast(library.scipy_cblas_sgemm64_, ctypes.c_void_p)
        return lambda repeats: loop.time_gemm(ctypes.c_int64(repeats), gemm, m, n, k, a, b, c)

    return timer, name


def pytorch(threads: int) -> tuple[Callable[[str, list[np.ndarray]], Timer], str]:
    import torch

    torch.set_num_threads(threads)

    def timer(kind: str, matrices: list[np.ndarray]) -> Timer:
        a, b, c = (torch.from_numpy(matrix).view(torch.bfloat16) if matrix.dtype == np.uint16
                   else torch.from_numpy(matrix) for matrix in matrices)
        right = a.T if kind.startswith("square") else b

        def repeat(repeats: int) -> float:
            begin = time.perf_counter()
            for _ in range(repeats):
                torch.mm(a, right, out=c)
            return time.perf_counter() - begin

        return repeat

    return timer, f"torch {torch.__version__}"


def measure(timers: list[Timer], budget: float) -> tuple[list[float], Comparison]:
    """Seconds of one product by each; a step of the comparison repeats it for about STEP seconds."""
    repeats = []
    for timer in timers:
        timer(1)
        repeats.append(max(1, min(100000, int(STEP / max(timer(1), 1e-7)))))
    steps = [partial(timer, count) for timer, count in zip(timers, repeats, strict=True)]
    (found,) = compare_all(steps, budget, round_seconds=ROUND)
    return [found.own / repeats[0], found.other / repeats[1]], found


def run_pair(options: argparse.Namespace) -> None:
    """In a process of its own: one other library, one number of threads."""
    folder, threads, budget = Path(options.folder), options.threads, 0.0 if options.quick else BUDGET
    loop = ctypes.CDLL(str(folder / "products_loop.so"))
    for function in (loop.time_products, loop.time_gemm, loop.time_syrk):
        function.restype = ctypes.c_double
    mine = own(folder, loop, threads)
    other, name = pytorch(threads) if options.pair == "torch" else openblas(loop)
    results = []
    for kind in options.work.split(","):
        shapes, others = WORK[kind]
        if options.pair not in others:
            continue
        for shape in shapes[::3] if options.quick else shapes:
            matrices = arrays(kind, shape)
            (first, second), found = measure([mine(kind, matrices), other(kind, matrices)], budget)
            rate, scale = flops(kind, shape) * 1e-9, second / first / (found.other / found.own)
            results.append({"work": kind, "shape": shape, "threads": threads, "other": options.pair, "version": name,
                            "gflops": rate / first, "other_gflops": rate / second, "ratio": scale * found.ratio,
                            "kept": found.kept, "all": found.all})
    print(json.dumps(results))


def start_pair(pair: str, threads: int, options: argparse.Namespace, folder: Path) -> list[dict]:
    environment = os.environ | {name: str(threads) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
    # OpenBLAS' threads spin for 2^26 cycles otherwise, into the other's turn.
    environment["OPENBLAS_THREAD_TIMEOUT"] = "20"
    if pair.startswith("openblas"):
        environment["OPENBLAS_CORETYPE"] = pair.partition(":")[2]
    command = [sys.executable, __file__, "--pair", pair, "--threads", str(threads), "--folder", str(folder),
               "--work", options.work] + (["--quick"] if options.quick else [])
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        pairs.note(f"FAILED: {' '.join(command)}\n{finished.stderr}")
        return []
    return json.loads(finished.stdout)


def summarize(results: list[dict]) -> None:
    for work, threads in sorted({(r["work"], r["threads"]) for r in results}):
        rows = [r for r in results if (r["work"], r["threads"]) == (work, threads)]
        best = {}
        for row in rows:
            known = best.setdefault(tuple(row["shape"]), row)
            if row["ratio"] < known["ratio"]:
                best[tuple(row["shape"])] = row
        print(f"\n{work}, {threads} thread{'s' if threads > 1 else ''}: GFLOP/s, the best other's, ratio")
        for shape, row in best.items():
            name = " x ".join(str(size) for size in shape)
            print(f"  {name:20} {row['gflops']:8.1f} {row['other_gflops']:8.1f} {row['ratio']:6.2f}  {row['other']}")
        ratios = [row["ratio"] for row in best.values()]
        print(f"  median {statistics.median(ratios):.2f}, worst {min(ratios):.2f}, best {max(ratios):.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="every third shape, few turns")
    parser.add_argument("--json", help="a file for the results")
    parser.add_argument("--work", default=",".join(WORK), help="which of them, with commas")
    parser.add_argument("--threads", type=int, default=0, help="only this many; else 1 and 2")
    parser.add_argument("--pair", help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pair:
        run_pair(options)
        return
    folder = ROOT / "build" / "benchmarks" / "products"
    build(folder)
    print("\n".join(machine.describe()))
    others = {other for work in options.work.split(",") for other in WORK[work][1]}
    results = []
    for threads in [options.threads] if options.threads else [2, 1]:
        for pair in sorted(others):
            pairs.note(f"products, {threads} threads, beside {pair}")
            found = start_pair(pair, threads, options, folder)
            results += found
            if options.json:
                pairs.merge_rows(options.json, found, ("work", "shape", "threads", "other"))
    summarize(results)
    if {result["other"] for result in results} != others:
        raise SystemExit("some pairs failed; the rest is written")


if __name__ == "__main__":
    main()
