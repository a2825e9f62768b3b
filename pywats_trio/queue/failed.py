"""Failed items as files in `data_dir/failed`, for the time after they left. Everything here blocks.

A report is `<report id>.wsjf`, byte for byte as it was stored, and `<report id>.error.json`; of a
file, which lies in its `error_dir` already, there is only `item-<id>.error.json`. The keys of the
latter are those that lie beside a refused file (`what`, `why`, `when`, `converter`,
`correlation_id`, `item_id`, `source`, `error_kind`, `what_to_do`, `sha256`, `evidence`), and
`state`, `report_id`, `serial_number`, `part_number`, `attempts`, `file` (where the item's bytes
lie; null if nowhere) and `history`.

Writing an item twice comes to the same files, and no file of anybody else is ever overwritten: an
item whose name is taken gets the next one, `<report id>-2` and so on.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import secrets
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.model import Kind, State
from pywats_trio.observe.status import iso
from pywats_trio.text import printable, storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pywats_trio.model import Event, Item

FOLDER: Final = "failed"
"""In the data folder."""
_TEMPORARY: Final = ".tmp"
_SAFE: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]{0,63}", re.ASCII)
_WHAT: Final = {
    (Kind.FILE, State.FAILED): "the file was not converted, so nothing of it was sent",
    (Kind.FILE, State.QUARANTINED): "the file was set aside, so nothing of it was sent",
    (Kind.REPORT, State.FAILED): "the report was not delivered",
    (Kind.REPORT, State.QUARANTINED): "the report was set aside and not delivered",
}
_WHAT_TO_DO: Final = {
    Kind.FILE: "see `why`, correct the file or the settings of its converter, and drop it again",
    Kind.REPORT: "see `why`, correct the report, and hand it over with `pywats-trio submit`",
}


def write(folder: Path, item: Item, payload: bytes | None, history: Sequence[Event]) -> Path:
    """Write what is known of `item`, synced; the path of its `.error.json`.

    The names are durable once `sync` is called.

    Raises:
        OSError: it cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for stem in _stems(item):
        report, error = folder / f"{stem}.wsjf", folder / f"{stem}.error.json"
        if not _is_free(error, report, item, payload):
            continue
        if payload is not None and not report.exists():
            _write(report, payload)
        lies_at = (None if payload is None else str(report)) if item.report_id else item.source
        told = json.dumps(_content(item, lies_at, history), indent=2, ensure_ascii=False) + "\n"
        _write(error, told.encode())
        return error
    raise AssertionError("names have no end")


def sync(folder: Path) -> None:
    """Make the names in `folder` durable, and its own in the folder above. Raises OSError."""
    for one in (folder, folder.parent):
        descriptor = os.open(one, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def tidy(folder: Path) -> None:
    """Remove what a crash left half written, as far as that is possible."""
    with contextlib.suppress(OSError):
        for left in folder.glob(f".*{_TEMPORARY}"):
            left.unlink()


def _stems(item: Item) -> Iterator[str]:
    stem = item.report_id if _SAFE.fullmatch(item.report_id) else f"item-{item.id}"
    yield stem
    for number in itertools.count(2):
        yield f"{stem}-{number}"


def _is_free(error: Path, report: Path, item: Item, payload: bytes | None) -> bool:
    """Whether nothing lies there, or what a former try for the same item left."""
    told, body = _read(error), _read(report)
    return (told is None or _is_of(told, item)) and (body is None or body == payload)


def _is_of(told: bytes, item: Item) -> bool:
    # The id alone will not do: a new store counts from 1 again.
    try:
        found = json.loads(told)
        return (found["item_id"], found["correlation_id"]) == (item.id, item.correlation_id)
    except (ValueError, LookupError, TypeError):
        return False


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _write(target: Path, data: bytes) -> None:
    """It gets its name when it is synced, so that under a name of ours nothing is half."""
    ours = target.with_name(f".{target.name}.{secrets.token_hex(4)}{_TEMPORARY}")
    try:
        with ours.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        ours.replace(target)
    finally:
        ours.unlink(missing_ok=True)


def _content(item: Item, lies_at: str | None, history: Sequence[Event]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "what": _WHAT[item.kind, item.state],
        "why": storable(item.last_error),
        "when": iso(item.finished_at or item.created_at),
        "converter": item.converter,
        "correlation_id": item.correlation_id,
        "item_id": item.id,
        "source": printable(item.original or item.source),
        "error_kind": item.error_kind,
        "what_to_do": storable(item.error_hint) or _WHAT_TO_DO[item.kind],
        "sha256": item.sha256,
        "evidence": storable(item.evidence),
        "state": item.state.value,
        "report_id": item.report_id,
        "serial_number": item.serial_number,
        "part_number": item.part_number,
        "attempts": item.attempts,
        "file": None if lies_at is None else printable(lies_at),
    }
    known = {key: value for key, value in told.items() if value not in ("", None) or key == "file"}
    return known | {"history": [_event(event) for event in history]}


def _event(event: Event) -> dict[str, Any]:
    told = {
        "at": iso(event.at),
        "event": event.event,
        "state": event.state.value if event.state else None,
        "attempts": event.attempts,
        "who": event.who,
        "error_class": event.error_kind,
        "message": event.message,
    }
    return {key: value for key, value in told.items() if value not in ("", None)}
