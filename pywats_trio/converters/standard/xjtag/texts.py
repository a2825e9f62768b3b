"""What the tester has written while it tested, as the text of a step."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.common.xml_tree import Element

NAMES: Final = frozenset({"text-output", "html-output", "plain-text", "header"})
"""The elements that hold it."""
_BREAK: Final = re.compile(r"<(?:br|/p|/h\d|/div|/tr|/li)\b[^<>]*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<[^<>]*>")


def of(element: Element) -> str | None:
    """All texts in this element, in their order; None where there are none.

    Newer versions write `plain-text`, in which all the others are, too; what is not in it after all
    follows it.
    """
    plain = "\n".join(child.text for child in element.named("plain-text"))
    if not plain.strip():
        return _joined(_pieces(element, blocks=True))
    known = {_normal(line) for line in plain.splitlines()}
    others = (_joined(_pieces(element, blocks=False)) or "").splitlines()
    missing = [line for line in others if not {_normal(line), _unescaped(line)} & known]
    return "\n".join([plain.strip("\n"), *missing])


def _pieces(element: Element, *, blocks: bool) -> Iterator[tuple[str, bool]]:
    """Each text, and whether it stands within a line; `blocks`: with those of HTML that do not."""
    for child in element.children:
        if child.name in ("text-output", "header"):
            yield child.text, False
        elif child.name == "html-output":
            inline = (child.get("inline") or "").strip().lower() == "true"
            if inline or blocks:
                yield _without_tags(child.text), inline


def _joined(pieces: Iterator[tuple[str, bool]]) -> str | None:
    """One text; each piece begins a line unless one of both sides stands within a line."""
    parts: list[str] = []
    open_line = False
    for text, inline in pieces:
        if not text.strip():
            continue
        if open_line and not inline:
            parts.append("\n")
        parts.append(text)
        open_line = not inline and not text.endswith("\n")
    return "".join(parts).strip("\n") or None


def _without_tags(markup: str) -> str:
    return html.unescape(_TAG.sub("", _BREAK.sub("\n", markup)))


def _normal(line: str) -> str:
    return " ".join(line.split())


def _unescaped(line: str) -> str:
    """Versions that write `plain-text` have the other texts escaped twice."""
    return _normal(html.unescape(line))
