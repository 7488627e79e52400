"""Extracts code blocks from Markdown.

A block's language says how it is checked. Comments directly above its fence say more, and readers do not see them:

<!-- run: descent-opt %s -canonicalize -->  instead of `descent-opt --verify-roundtrip %s`, for an mlir block
<!-- refused: text -->                      the command must fail with a diagnostic that contains the text
<!-- file: my_rule.mlir -->                 the page's commands find the block under this name
<!-- prints: descent-compile r.mlir -->     the block is what the command prints; "..." stands for what is left out
<!-- include: a/b.td -->                    what a tablegen block needs before it
<!-- continues -->                          follows the page's previous block of this language, in the same file
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

FENCE = re.compile(r"^(\s*)(`{3,})\s*([\w+-]*)\s*(.*?)\s*$")
DIRECTIVE = re.compile(r"^\s*<!--\s*(\w+)(?::\s*(.*?))?\s*-->\s*$")
LEFT_OUT = "..."
DIRECTIVES = {"run", "refused", "file", "include", "continues", "prints"}


@dataclass
class Block:
    page: Path
    line: int
    language: str
    flags: str
    text: str
    directives: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.page.name}-{self.line}-{self.language}"

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def pieces(self) -> list[str]:
        """The text between what is left out, without regard to spaces and line ends."""
        pieces = " ".join(self.text.split()).split(LEFT_OUT)
        return [piece.strip() for piece in pieces if piece.strip()]


def directives_above(lines: list[str], at: int) -> dict[str, str]:
    found: dict[str, str] = {}
    while at > 0 and (match := DIRECTIVE.match(lines[at - 1])):
        found[match.group(1)] = match.group(2) or ""
        at -= 1
    return found


def strip_margin(line: str, margin: str) -> str:
    return line[len(margin):] if line.startswith(margin) else line.lstrip()


def read_blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order; one that never ends is an error."""
    lines = page.read_text().splitlines()
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        match = FENCE.match(lines[at])
        at += 1
        if not match:
            continue
        margin, fence, language, flags = match.groups()
        start = at
        while at < len(lines) and lines[at].strip() != fence:
            at += 1
        if at == len(lines):
            raise ValueError(f"{page}:{start}: the code block has no end")
        text = "\n".join(strip_margin(line, margin) for line in lines[start:at]) + "\n"
        blocks.append(Block(page, start, language, flags, text, directives_above(lines, start - 1)))
        at += 1
    return join_continued(blocks)


def join_continued(blocks: list[Block]) -> list[Block]:
    """A block that continues another stands for both: its text begins with the other's."""
    joined: list[Block] = []
    for block in blocks:
        if "continues" in block.directives:
            before = [other for other in joined if other.language == block.language]
            if not before:
                raise ValueError(f"{block.place}: there is no '{block.language}' block to continue")
            block.text = before[-1].text + block.text
            block.directives = before[-1].directives | block.directives
            joined.remove(before[-1])
        joined.append(block)
    return joined
