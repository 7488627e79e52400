"""A table in Markdown, and the same in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from .records import GOOD, WRONG, Record

ENDED = "ended early"


def shown(value: float | None, unit: str) -> str:
    """Seconds in the unit that suits them."""
    if value is None:
        return ""
    if unit != "s":
        return f"{value:.4g} {unit}".rstrip()
    for factor, name in ((1.0, "s"), (1e3, "ms"), (1e6, "us")):
        if value * factor >= 1.0:
            return f"{value * factor:.4g} {name}"
    return f"{value * 1e6:.3g} us"


def row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    made = [row(*cells) for cells in rows]
    return [row(*head), "|" + "---|" * len(head), *made, ""] if made else ["Nothing.", ""]


def markdown(facts: Mapping[str, str], titles: Mapping[str, str], records: Sequence[Record]) -> str:
    checks = [record for record in records if record.kind == "check"]
    wrong = [record for record in checks if record.verdict != GOOD]
    lines = ["# Check on a device", "", *table(("what", "found"), facts.items())]
    lines += ["## Goals", ""]
    goals = [record for record in records if record.kind == "target"]
    lines += table(
        ("goal", "wanted", "measured", ""),
        (
            (
                goal.name,
                goal.detail,
                shown(goal.value, goal.unit),
                "**missed**" if goal.verdict == "missed" else goal.verdict,
            )
            for goal in goals
        ),
    )
    lines += ["## Checks", "", f"{len(checks) - len(wrong)} of {len(checks)} are good.", ""]
    if wrong:
        lines += table(
            ("section", "check", "verdict", "why"),
            ((record.section, record.name, record.verdict, record.detail[:400]) for record in wrong),
        )
    for section, title in titles.items():
        own = [record for record in records if record.section == section]
        lines += section_lines(title, own)
    return "\n".join(lines).rstrip() + "\n"


def section_lines(title: str, records: Sequence[Record]) -> list[str]:
    good = [record for record in records if record.kind == "check" and record.verdict == GOOD]
    others = [record for record in records if record.kind in ("time", "count", "note")]
    lines = [f"### {title[:1].upper()}{title[1:]}", ""]
    if good:
        lines += [
            "Good: "
            + "; ".join(record.name + (f" ({record.detail})" if record.detail else "") for record in good)
            + ".",
            "",
        ]
    if others:
        lines += table(
            ("what", "found", ""), ((record.name, shown(record.value, record.unit), record.detail) for record in others)
        )
    return lines if good or others else [*lines, "Nothing was found.", ""]


def write(folder: Path, facts: Mapping[str, str], titles: Mapping[str, str], records: Sequence[Record]) -> None:
    (folder / "gpu-check.md").write_text(markdown(facts, titles, records))
    found = {"facts": dict(facts), "records": [asdict(record) for record in records]}
    (folder / "gpu-check.json").write_text(json.dumps(found, indent=1) + "\n")


def failures(records: Sequence[Record]) -> list[Record]:
    """A missed goal is none, and neither is what no time was left for."""
    return [record for record in records if record.kind == "check" and record.verdict in (WRONG, ENDED)]
