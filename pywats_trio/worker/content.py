"""The source's bytes: read once, hashed, and looked at when a converter refused them."""

from __future__ import annotations

import hashlib
import os
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL: Final = 16 << 20
"""Bytes. A file up to this is read once into memory; a larger one is hashed in pieces first."""
CHUNK: Final = 1 << 20


def open_source(descriptor: int, size: int) -> tuple[BinaryIO, str]:
    """The file to convert as the converter reads it, and the SHA-256 of its bytes in hex.

    A descriptor of the converter's own, so that closing it does no harm to ours.
    """
    if size > SMALL:
        file = os.fdopen(os.dup(descriptor), "rb")
        return file, hashlib.file_digest(file, "sha256").hexdigest()
    data = b"".join(_chunks(descriptor))
    return BytesIO(data), hashlib.sha256(data).hexdigest()


def remark(descriptor: int, end: int | None = None) -> str:
    """What is wrong with content that is plainly nothing, else nothing; `end`: where it ends."""
    zeros = blank = True
    for chunk in _chunks(descriptor, end):
        zeros = zeros and chunk.count(0) == len(chunk)
        blank = blank and not chunk.strip()
        if not zeros and not blank:
            return ""
    holds = "the file holds only" if end is None else "its files hold only"
    if zeros:
        return f"{holds} zero bytes (power loss while it was written?)"
    return f"{holds} white space"


def _chunks(descriptor: int, end: int | None = None) -> Iterator[bytes]:
    at = 0
    while chunk := os.pread(descriptor, CHUNK if end is None else min(CHUNK, end - at), at):
        at += len(chunk)
        yield chunk
