"""Runs the suites of tests one after another and adds up what they report."""

import argparse
import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

ROOT = Path(__file__).resolve().parent.parent
LIT = Path(os.environ.get("LLVM_PREFIX", "/usr/lib/llvm-22")) / "bin" / "lit"
WORKERS = "2"
# A suite that takes longer hangs.
SUITE_SECONDS = 1500
# Each test is one of the two workers; a library that starts a thread per core would only slow the other down.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
SANITIZED = {"UBSAN_OPTIONS": "print_stacktrace=1"}


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, other: "Counts") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.failures += other.failures


@dataclass
class Suite:
    name: str
    run: Callable[["Suite", argparse.Namespace], Counts]
    path: str = ""
    sanitized: bool = False
    environment: dict[str, str] = field(default_factory=dict)

    def build(self, options: argparse.Namespace) -> Path:
        return Path(f"{options.build}-sanitize") if self.sanitized else Path(options.build)


def broken(suite: Suite, reason: str) -> Counts:
    return Counts(failed=1, failures=[f"{suite.name}: {reason}"])


def call(suite: Suite, options: argparse.Namespace, command: list[str]) -> int | None:
    """Runs a command of the suite with its output passed on; None when it takes too long."""
    environment = os.environ | ENVIRONMENT | (SANITIZED if suite.sanitized else {}) | suite.environment
    environment["DESCENT_BUILD"] = str(ROOT / suite.build(options))
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        return process.wait(timeout=SUITE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, 9)
        process.wait()
        return None


def read_junit(report: Path) -> Counts:
    counts = Counts()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '')} :: {case.get('name', '')}"
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
            counts.failures.append(name)
        elif case.find("skipped") is not None:
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def run_reporting(suite: Suite, options: argparse.Namespace, command: list[str], report: Path,
                  good: set[int]) -> Counts:
    """Runs a command that writes a JUnit report; an exit status that the report does not explain is a failure."""
    report.parent.mkdir(parents=True, exist_ok=True)
    report.unlink(missing_ok=True)
    status = call(suite, options, command)
    if status is None:
        return broken(suite, f"took more than {SUITE_SECONDS} s and was ended")
    if not report.exists() and options.filter and status in good:
        return Counts()
    if not report.exists():
        return broken(suite, f"could not run, exit status {status}")
    counts = read_junit(report)
    if status not in good and counts.failed == 0:
        counts.add(broken(suite, f"exit status {status}, though no test failed"))
    if not (counts.passed or counts.failed or counts.skipped) and not options.filter:
        counts.add(broken(suite, "no test was found"))
    return counts


def run_lit(suite: Suite, options: argparse.Namespace) -> Counts:
    build = suite.build(options)
    report = build / "test-results" / "lit.xml"
    # lit's limit of time for a test needs psutil, which this Python has.
    command = [sys.executable, str(LIT), "-sv", "-j", WORKERS, "--timeout", "300", f"--xunit-xml-output={report}"]
    command += ["--allow-empty-runs", "--filter", re.escape(options.filter)] if options.filter else []
    return run_reporting(suite, options, command + [str(build / "test")], report, {0})


def run_pytest(suite: Suite, options: argparse.Namespace) -> Counts:
    if not list((ROOT / suite.path).rglob("test_*.py")):
        return broken(suite, f"there is no test in {suite.path}")
    report = suite.build(options) / "test-results" / f"{suite.name}.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-n", WORKERS, "--tb=short", "-p", "no:cacheprovider"]
    command += [f"--junitxml={report}", suite.path]
    # pytest ends with 5 when the filter leaves nothing.
    command += ["-k", options.filter] if options.filter else []
    return run_reporting(suite, options, command, report, {0, 5} if options.filter else {0})


def run_program(suite: Suite, options: argparse.Namespace) -> Counts:
    """Runs a test program that prints `PASS <test>` or `FAIL <test>` for each test."""
    if options.filter and options.filter not in suite.name:
        return Counts()
    program = suite.build(options) / "bin" / suite.path
    if not program.exists():
        return broken(suite, f"{program} was not built")
    try:
        result = subprocess.run([program], cwd=ROOT, text=True, errors="replace", stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=SUITE_SECONDS)
    except subprocess.TimeoutExpired:
        return broken(suite, f"took more than {SUITE_SECONDS} s and was ended")
    print(result.stdout, end="", flush=True)
    failures = re.findall(r"^FAIL (.*)$", result.stdout, re.MULTILINE)
    counts = Counts(len(re.findall(r"^PASS ", result.stdout, re.MULTILINE)), len(failures), 0, failures)
    if result.returncode != 0 and not failures:
        counts.add(broken(suite, f"exit status {result.returncode}"))
    if result.returncode == 0 and not counts.passed:
        counts.add(broken(suite, "it reported no test"))
    return counts


SUITES = [
    Suite("lit", run_lit),
    Suite("runtime", run_program, "runtime_test"),
    Suite("style", run_pytest, "test/Style"),
    Suite("docs", run_pytest, "test/Docs"),
    Suite("python", run_pytest, "test/Python"),
    Suite("products", run_pytest, "test/Products"),
    Suite("integration", run_pytest, "test/Integration"),
    Suite("unfused", run_pytest, "test/Integration", environment={"DESCENT_TEST_FUSION": "off"}),
    Suite("examples", run_pytest, "test/Examples"),
    Suite("benchmarks", run_pytest, "test/Benchmarks"),
    Suite("fuzz", run_pytest, "test/Fuzz"),
    Suite("sanitized-lit", run_lit, sanitized=True),
    Suite("sanitized-fuzz", run_pytest, "test/Fuzz", sanitized=True),
    Suite("sanitized-runtime", run_program, "runtime_test", sanitized=True),
]


def selected(options: argparse.Namespace) -> list[Suite]:
    wanted = {"only": [True], "no": [False], "both": [False, True]}[options.sanitize]
    return [s for s in SUITES if s.sanitized in wanted and (not options.suite or s.name in options.suite)]


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", default=str(ROOT / "build"), help="the build directory")
    parser.add_argument("--sanitize", choices=["only", "no", "both"], default="both", help="which builds to test")
    parser.add_argument("--filter", default="", help="only tests whose name contains this")
    parser.add_argument("--suite", action="append", default=[], help="only this suite; 'list' names them")
    parser.add_argument("--broken", action="append", default=[], help="something that failed before, to be counted")
    options = parser.parse_args()
    names = [suite.name for suite in SUITES]
    if "list" in options.suite:
        print("\n".join(names))
        sys.exit(0)
    for name in options.suite:
        if name not in names:
            parser.error(f"unknown suite '{name}'; there are: {', '.join(names)}")
    return options


def main() -> int:
    options = parse_arguments()
    total = Counts(failed=len(options.broken), failures=[f"{name} failed" for name in options.broken])
    summary = []
    for suite in selected(options):
        print(f"\n== {suite.name} ==", flush=True)
        start = time.monotonic()
        counts = suite.run(suite, options)
        total.add(counts)
        summary.append(f"{suite.name:<18}{counts.passed:>6} passed{counts.failed:>5} failed{counts.skipped:>5} skipped"
                       f"{time.monotonic() - start:>8.0f} s")
    print("\n== summary ==")
    print("\n".join(summary))
    for failure in total.failures:
        print(f"failed: {failure}")
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped")
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
