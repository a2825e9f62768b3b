"""Python literals as `ruff format` writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def text(value: str) -> str:
    """A string; what is not plain to read is escaped."""
    quote = "'" if value.count('"') > value.count("'") else '"'
    return quote + "".join(map(_char, value)).replace(quote, f"\\{quote}") + quote


def _char(char: str) -> str:
    if char == "\\":
        return "\\\\"
    # Of other scripts only letters that nobody takes for a Latin one or a sign.
    is_plain = char.isascii() or "\xc0" <= char <= "\xff" or "\u3040" <= char <= "\u9fff"
    if char.isprintable() and is_plain and char != "\xd7":
        return char
    return char.encode("unicode_escape").decode()


def optional(value: str | None) -> str:
    """A string, or None."""
    return "None" if value is None else text(value)


def several(values: Iterable[str], opening: str = "(", closing: str = ")") -> str:
    """A tuple or a set of strings, one a line."""
    listed = [*values]
    if len(listed) == 1 and opening == "(":
        return f"({text(listed[0])},)"
    inner = "".join(f"    {text(value)},\n" for value in listed)
    return f"{opening}\n{inner}{closing}" if inner else f"{opening}{closing}"


def table(pairs: Mapping[str, str], comments: Mapping[str, str] | None = None) -> str:
    """A dict with literals as values, one a line, some with a comment."""
    said = comments or {}
    inner = "".join(
        f"    {text(key)}: {value},{'  # ' + said[key] if key in said else ''}\n"
        for key, value in pairs.items()
    )
    return f"{{\n{inner}}}" if inner else "{}"


def frozenset_of(values: Iterable[str]) -> str:
    """A frozenset of strings, one a line."""
    ordered = sorted(values)
    if len(ordered) <= 1:
        return f"frozenset({{{text(ordered[0])}}})" if ordered else "frozenset()"
    inner = "".join(f"        {text(value)},\n" for value in ordered)
    return f"frozenset(\n    {{\n{inner}    }}\n)"
