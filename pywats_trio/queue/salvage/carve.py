"""Rows out of the raw pages of a database (sqlite.org/fileformat2.html, sections 1.6 and 2).

Pure but for the pages that `chain` is asked for. What cannot be decoded raises `Malformed`; nothing
else is raised, whatever the bytes.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Value = None | int | float | str | bytes
Record = tuple[Value, ...]

TABLE_LEAF: Final = 0x0D
INDEX_LEAF: Final = 0x0A
INDEX_INTERIOR: Final = 0x02
"""The kinds of page that hold rows: tables without rowid are indexes, and those have rows inside,
too."""
FILE_HEADER: Final = 100
"""Bytes of the first page before its tree begins."""
LARGEST: Final = 2**31
"""Bytes of a row; what claims to be larger is damaged."""

_LONGEST_VARINT: Final = 9
_FIXED: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
"""Bytes of an integer by its serial type."""


class Malformed(Exception):
    """These bytes are no row."""


@frozen
class Cell:
    """A row as it stands in a page."""

    rowid: int | None
    """None: of a table without rowid."""
    local: bytes
    """What of the row stands here."""
    size: int
    """Of the whole row, in bytes."""
    overflow: int
    """The page on which it goes on; 0: all of it is here."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer of variable length at `at`, signed, and where it ends."""
    value = 0
    for count, byte in enumerate(data[at : at + _LONGEST_VARINT], start=1):
        if count == _LONGEST_VARINT:
            value = (value << 8) | byte
        else:
            value = (value << 7) | (byte & 0x7F)
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that it goes on
                return value, at + count
            continue
        return value - (1 << 64) if value >= 1 << 63 else value, at + count
    raise Malformed("cut off within a number")


def record(data: bytes) -> Record:
    """The values of a row."""
    end, at = varint(data, 0)
    if not 1 <= end <= len(data):
        raise Malformed("a row without an end to its head")
    values: list[Value] = []
    body = end
    while at < end:
        kind, at = (data[at], at + 1) if data[at] < 0x80 else varint(data, at)  # noqa: PLR2004
        value, body = _value(data, body, kind)
        values.append(value)
    if at != end or body != len(data):
        raise Malformed("a row of another length than it says")
    return tuple(values)


def _value(data: bytes, at: int, kind: int) -> tuple[Value, int]:
    """A value of the serial type `kind`, and where it ends."""
    if kind in (0, 8, 9):
        return (None if kind == 0 else kind - 8), at
    if kind in _FIXED:
        end = at + _FIXED[kind]
        value: Value = int.from_bytes(data[at:end], signed=True)
    elif kind == 7:  # noqa: PLR2004 - as the format numbers them
        end = at + 8
        value = struct.unpack(">d", data[at:end].ljust(8, b"\0"))[0]
    elif kind >= 12:  # noqa: PLR2004
        end = at + (kind - 12) // 2
        value = data[at:end]
        if kind % 2:
            value = _text(value)
    else:
        raise Malformed(f"a value of type {kind}")
    if end > len(data):
        raise Malformed("a row that is cut off")
    return value, end


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Malformed("a text that is none") from None


def cells(page: bytes, number: int, usable: int) -> Iterator[Cell | None]:
    """The rows in a page, None for each that is damaged; nothing if it is a page without rows.

    `number` is the page's; `usable` the bytes of it that are not reserved.
    """
    begin = FILE_HEADER if number == 1 else 0
    kind = page[begin]
    if kind not in (TABLE_LEAF, INDEX_LEAF, INDEX_INTERIOR):
        return
    pointers = begin + (12 if kind == INDEX_INTERIOR else 8)
    count = int.from_bytes(page[begin + 3 : begin + 5])
    for at in range(pointers, min(pointers + 2 * count, usable - 1), 2):
        place = int.from_bytes(page[at : at + 2])
        try:
            yield _cell(page[:usable], place, kind, usable)
        except Malformed:
            yield None


def _cell(page: bytes, at: int, kind: int, usable: int) -> Cell:
    at += 4 if kind == INDEX_INTERIOR else 0
    size, at = varint(page, at)
    rowid = None
    if kind == TABLE_LEAF:
        rowid, at = varint(page, at)
    if not 0 < size < LARGEST:
        raise Malformed(f"a row of {size} bytes")
    here = local_size(size, usable, is_table=kind == TABLE_LEAF)
    local = page[at : at + here]
    if len(local) < here:
        raise Malformed("a row beyond the end of its page")
    overflow = 0
    if here < size:
        overflow = int.from_bytes(page[at + here : at + here + 4])
        if not overflow:
            raise Malformed("a row that goes on nowhere")
    return Cell(rowid, local, size, overflow)


def local_size(size: int, usable: int, *, is_table: bool) -> int:
    """How many bytes of a row of `size` stand in its page; the rest on others."""
    most = usable - 35 if is_table else (usable - 12) * 64 // 255 - 23
    least = (usable - 12) * 32 // 255 - 23
    if size <= most:
        return size
    wanted = least + (size - least) % (usable - 4)
    return wanted if wanted <= most else least


def chain(cell: Cell, usable: int, page: Callable[[int], bytes | None]) -> bytes:
    """The whole row that begins in `cell`; `page` gives the pages on which it goes on."""
    pieces, missing, number = [cell.local], cell.size - len(cell.local), cell.overflow
    while missing > 0:
        data = page(number) if number else None
        if data is None:
            raise Malformed("a row whose rest is missing")
        piece = data[4 : min(usable, 4 + missing)]
        pieces.append(piece)
        missing -= len(piece)
        number = int.from_bytes(data[:4])
    return b"".join(pieces)
