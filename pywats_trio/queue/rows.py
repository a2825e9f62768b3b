"""Rows of the table `items` as `model.Item`, and the other way round."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.model import Envelope, Event, Form, Identity, Item, Kind, Putaway, Reason, State

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS: Final = (
    "id, kind, state, reason, priority, attempts, max_attempts, interruptions, deaths, "
    "serial_number, part_number, result, start, due_at, created_at, started_at, finished_at, "
    "duration, progress, converter, source, path, device, inode, size, mtime_ns, report_id, "
    "parent_id, correlation_id, sha256, error_kind, last_error, putaway, "
    "error_hint, evidence, dropped_at, receipt, bytes, worker, form, after"
)
"""What `item` expects a SELECT to give, in this order."""

KINDS: Final = {kind.value: kind for kind in Kind}
STATES: Final = {state.value: state for state in State}
REASONS: Final = {reason.value: reason for reason in Reason}
FORMS: Final = {form.value: form for form in Form}
PUTAWAYS: Final = {putaway.value: putaway for putaway in Putaway}

_UNSIGNED: Final = 2**64


def item(row: Sequence[Any]) -> Item:
    """A row of `COLUMNS` as an item. Positional, and enumerations by dictionary: the hot path."""
    source, path, device, inode, size, mtime_ns = row[20:26]
    values: list[Any] = [
        row[0],
        KINDS[row[1]],
        STATES[row[2]],
        REASONS[row[3]] if row[3] else None,
        *row[4:20],
        source if path is None else os.fsdecode(path),
        None if inode is None else identity(device, inode, size, mtime_ns),
        *row[26:32],
        PUTAWAYS[row[32]],
        *row[33:39],
        "" if path is None else source,
        FORMS[row[39]],
        row[40],
    ]
    return Item(*values)


EVENT_COLUMNS: Final = "seq, at, item_id, event, state, reason, attempts, who, error_kind, message"
"""What `event` expects a SELECT to give, in this order; also what is inserted."""


def event(row: Sequence[Any]) -> Event:
    """A row of `EVENT_COLUMNS` as an event."""
    seq, at, item_id, name, state, reason, *rest = row
    return Event(
        seq,
        at,
        item_id,
        name,
        STATES[state] if state else None,
        REASONS[reason] if reason else None,
        *rest,
    )


def identity(device: int, inode: int, size: int, mtime_ns: int) -> Identity:
    """The four columns as an identity."""
    return Identity(device % _UNSIGNED, inode % _UNSIGNED, size, mtime_ns)


def identity_values(envelope: Envelope) -> tuple[int | None, ...]:
    """device, inode, size, mtime_ns of an envelope, or four times None."""
    return (None, None, None, None) if envelope.identity is None else signed(envelope.identity)


def signed(known: Identity) -> tuple[int, int, int, int]:
    """device, inode, size, mtime_ns as the database keeps them."""
    return (_signed(known.device), _signed(known.inode), known.size, known.mtime_ns)


def _signed(number: int) -> int:
    # The database's integers are signed; the kernel's device and inode numbers are not, and
    # network file systems use all 64 bits.
    return number - _UNSIGNED if number >= _UNSIGNED // 2 else number
