"""The code blocks of a page, and the script that they make one after the other.

A comment before a block says what to do with it beside what its language says:
`<!-- file: NAME -->` it is saved under that name; `<!-- not run: WHY -->` it is left alone;
`<!-- answer: PATH STATE CODE -->` it is what the probes answer.
"""

from __future__ import annotations

import re
import shlex
import textwrap
from pathlib import Path

from attrs import frozen

ROOT = Path(__file__).parent.parent
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
SHOWN = frozenset({"", "text", "ini", "yaml"})
"""Languages of blocks that are for other programs, or none."""

_BLOCK = re.compile(
    r"(?:^[ ]*<!-- (?P<key>file|not run|answer): (?P<value>[^\n]*) -->\n+)?"
    r"^(?P<indent>[ ]*)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@frozen
class Block:
    """One of them, with the comment before it."""

    page: str
    line: int
    language: str
    text: str
    key: str
    value: str

    @property
    def place(self) -> str:
        """`docs/how-to/embed.md:12`."""
        return f"{self.page}:{self.line}"

    @property
    def left_alone(self) -> bool:
        """Whether the page says that it cannot be run here."""
        return self.key == "not run"


def blocks(page: Path) -> list[Block]:
    """All blocks of a page, in their order."""
    text = page.read_text()
    return [
        Block(
            str(page.relative_to(ROOT)),
            text[: found.start("language")].count("\n") + 1,
            found["language"],
            textwrap.dedent(found["text"]),
            found["key"] or "",
            found["value"] or "",
        )
        for found in _BLOCK.finditer(text)
    ]


def fences(page: Path) -> int:
    """Lines that begin or end a block."""
    return sum(line.lstrip().startswith("```") for line in page.read_text().splitlines())


def everywhere(language: str) -> list[Block]:
    """The blocks of one language on all pages, but for those that are left alone."""
    return [
        block
        for page in PAGES
        for block in blocks(page)
        if block.language == language and not block.left_alone
    ]


def steps(page: Path) -> list[str]:
    """What a reader does, as lines of shell: save files, run programs, type commands."""
    return [step for block in blocks(page) if not block.left_alone for step in _step(block)]


def _step(block: Block) -> list[str]:
    if block.key == "file":
        return [f"printf %s {shlex.quote(block.text)} > {shlex.quote(block.value)}"]
    if block.language == "python":
        return [f"python -W error -c {shlex.quote(block.text)}"]
    return [block.text] if block.language == "sh" else []


def runs_something(page: Path) -> bool:
    """Whether there is more than files to save."""
    found = blocks(page)
    return any(b.language in {"sh", "python"} and b.key == "" for b in found)
