"""Text as people and JSON may see it."""

from __future__ import annotations


def storable(text: str) -> str:
    """`text` with what UTF-8 cannot hold (lone surrogates) escaped.

    File names, converters and servers may say anything; a database and a JSON encoder take it not.
    """
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def printable(path: str) -> str:
    r"""A path for logs, status and JSON: what is no text (stray bytes, controls) is escaped.

    File names may hold any bytes; Python carries those that are not UTF-8 as surrogates, which no
    JSON encoder, database or terminal takes.
    """
    escaped = storable(path)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in escaped)


def shortened(text: str, limit: int) -> str:
    """`text`, cut to `limit` characters (1 or more) with a mark where something is missing."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
