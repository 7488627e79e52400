"""What a run found, as a table for people and as JSON for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from .against import Against
from .checking import Finding, verdict
from .limits import Limits
from .timing import StageTime, Timing
from .workload import Job

# Below this share of a step, stages of one kind are summed up in one line.
WORTH_A_LINE = 0.002
SHOWN_FINDINGS = 3


def describe_job(job: Job, shapes: str) -> list[str]:
    kinds = Counter(tensor.kind for tensor in job.tensors)
    into = ", ".join(f"{count} {kind} -> {job.groups[kind]}" for kind, count in kinds.items())
    lines = [f"{job.artifact.name} on {shapes}: {len(job.tensors)} tensors ({into}), {job.elements:,} elements"]
    if job.left_out:
        out = Counter(tensor.kind for tensor in job.left_out)
        elements = sum(tensor.elements for tensor in job.left_out)
        kinds_out = ", ".join(f"{count} {kind}" for kind, count in out.items())
        lines.append(f"left out, as no group takes them: {kinds_out}, {elements:,} elements")
    return lines


def describe_check(findings: Sequence[Finding], steps: int) -> list[str]:
    good = verdict(findings)
    lines = [f"check: {'equals' if good else 'DIFFERS FROM'} storage f64 in {steps} steps, within rounding"]
    for finding in findings[:SHOWN_FINDINGS] if not good else findings[:1]:
        entry = ", ".join(map(str, finding.entry))
        flips = f"; {finding.flips} entries beyond a jump" if finding.flips else ""
        of_state = f"{finding.state} of " if finding.state else ""
        lines.append(
            f"  worst entry: {of_state}{finding.tensor}[{entry}] is {finding.found:.9g} after step {finding.step}, "
            f"f64 has {finding.wanted:.9g}; {finding.share:.2g} of the bound{flips}"
        )
    return lines


def describe_limits(limits: Limits) -> str:
    rates = ", ".join(f"{limits.flops[name] / 1e9:.0f} GFLOP/s {name}" for name in ("f32", "bf16"))
    return f"this machine, measured before: {limits.bytes / 1e9:.1f} GB/s of sweeps, {rates}"


def describe_timing(timing: Timing, elements: int) -> list[str]:
    threads = f"{timing.threads} thread{'s' if timing.threads > 1 else ''}"
    lines = [
        f"\n{threads}: {timing.seconds * 1e3:.3f} ms a step (least {timing.least * 1e3:.3f}, most "
        f"{timing.most * 1e3:.3f}, {timing.steps} steps), {elements / timing.seconds / 1e6:.1f} M elements/s"
    ]
    if timing.limits:
        lines.append(describe_limits(timing.limits))
    lines.append(f"{'stage':<40}{'layers':>7}{'ms':>11}{'GB/s':>9}{'GFLOP/s':>9}{'of limit':>10}")
    small = [stage for stage in timing.stages if stage.seconds < WORTH_A_LINE * timing.seconds]
    lines += [_stage_line(stage, timing.limits) for stage in timing.stages if stage not in small]
    if small:
        lines.append(f"{f'{len(small)} small stages':<47}{sum(stage.seconds for stage in small) * 1e3:>11.3f}")
    lines.append(f"{'cuts, schedule, waiting':<47}{timing.remainder * 1e3:>11.3f}")
    return lines


def _stage_line(time: StageTime, limits: Limits | None) -> str:
    stage = time.stage
    kind = " ".join(filter(None, (stage.name, stage.factors, stage.domain)))
    moved = f"{time.bytes / time.seconds / 1e9:9.1f}" if time.bytes else " " * 9
    computed = f"{time.flops / time.seconds / 1e9:9.1f}" if time.flops else " " * 9
    share = time.share(limits)
    of_limit = "" if share is None else f"{share:.0%}"
    name = f"{stage.track} {stage.number:>2} {kind}"
    return f"{name:<40}{time.layers:>7}{time.seconds * 1e3:>11.3f}{moved}{computed}{of_limit:>10}"


def describe_against(against: Against) -> str:
    found = against.comparison
    return (
        f"{against.name:<28}{found.own * 1e3:>11.3f} ms{found.other * 1e3:>11.3f} ms   {found.ratio:.2f} times as fast "
        f"({found.lowest:.2f} to {found.highest:.2f}, {found.kept} of {found.all} rounds)"
        + (f"; compiled in {against.compile_seconds:.1f} s" if against.compile_seconds else "")
    )


def as_json(job: Job, shapes: str, findings: Sequence[Finding] | None, timings: Sequence[Timing]) -> dict[str, Any]:
    return {
        "name": job.artifact.name,
        "targets": list(job.artifact.targets),
        "shapes": shapes,
        "elements": job.elements,
        "tensors": [
            {"name": t.name, "shape": list(t.shape), "kind": t.kind, "group": job.groups[t.kind]} for t in job.tensors
        ],
        "left_out": [{"name": t.name, "shape": list(t.shape), "kind": t.kind} for t in job.left_out],
        "check": None if findings is None else check_as_json(findings),
        "runs": [timing_as_json(timing, job.elements) for timing in timings],
    }


def check_as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    worst = findings[0]
    return {
        "good": verdict(findings),
        "worst": {
            "tensor": worst.tensor,
            "state": worst.state,
            "step": worst.step,
            "entry": list(worst.entry),
            "found": worst.found,
            "wanted": worst.wanted,
            "bound": worst.bound,
            "share": worst.share,
        },
    }


def timing_as_json(timing: Timing, elements: int) -> dict[str, Any]:
    limits = timing.limits
    return {
        "threads": timing.threads,
        "steps": timing.steps,
        "seconds": {"median": timing.seconds, "least": timing.least, "most": timing.most},
        "elements_per_second": elements / timing.seconds,
        "limits": limits and {"bytes_per_second": limits.bytes, "flops_per_second": limits.flops},
        "stages": [
            {
                "group": time.stage.track,
                "number": time.stage.number,
                "name": time.stage.name,
                "domain": time.stage.domain,
                "factors": time.stage.factors or None,
                "segment": time.stage.segment,
                "layers": time.layers,
                "seconds": time.seconds,
                "bytes": time.bytes,
                "flops": time.flops,
                "share_of_limit": time.share(limits),
            }
            for time in timing.stages
        ],
        "remainder": timing.remainder,
    }


def against_as_json(against: Against) -> dict[str, Any]:
    return {"name": against.name, "compile_seconds": against.compile_seconds, **against.comparison.as_dict()}
