"""`<file>.error.json`: what a person finds beside a refused file. Everything here blocks.

Its keys: `what`, `why`, `when` (ISO 8601, UTC), `converter`, `correlation_id`, `item_id`, `source`
(where the file was dropped), `error_kind`, `what_to_do`, and `sha256` and `evidence` where they are
known.
"""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.intake import moves, names
from pywats_trio.intake.scan import ERROR_FILE, TEMPORARY
from pywats_trio.model import Item, State
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHAT: Final = {
    State.FAILED: "the file was not converted, so nothing of it was sent",
    State.QUARANTINED: "the file is set aside because converting it did damage; nothing was sent",
}
_WHAT_TO_DO: Final = (
    "see `why`, correct the file or the settings of its converter, and drop the file again; or let "
    "it lie here and call `pywats-trio queue retry {}`"
)


def path_for(path: str) -> str:
    """Where the explanation of the file at `path` lies."""
    folder, name = os.path.split(path)
    return os.path.join(folder, names.fitted(name, ERROR_FILE))  # noqa: PTH118 - any bytes, as str


def content(item: Item) -> dict[str, Any]:
    """What is told about `item`; all of it text that any JSON encoder takes."""
    when = datetime.fromtimestamp(item.finished_at or item.created_at, UTC)
    told: dict[str, Any] = {
        "what": _WHAT.get(item.state, _WHAT[State.FAILED]),
        "why": _text(item.last_error),
        "when": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "converter": item.converter,
        "correlation_id": item.correlation_id,
        "item_id": item.id,
        "source": item.original or printable(item.source),
        "error_kind": item.error_kind,
        "what_to_do": _text(item.error_hint) or _WHAT_TO_DO.format(item.id),
    }
    known = {"sha256": item.sha256, "evidence": _text(item.evidence)}
    return told | {key: value for key, value in known.items() if value}


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def write(item: Item, path: str) -> bool:
    """Explain the file that is to lie at `path`, durably; False if the name is another item's."""
    target = path_for(path)
    try:
        before = _read(target)
    except FileNotFoundError:
        before = None
    told = content(item)
    if before is not None and before.get("item_id") != item.id:
        return False
    if before != told:
        _write(target, told, item.id)
    return True


def _read(path: str) -> Mapping[str, Any]:
    with open(path, "rb") as file:  # noqa: PTH123
        data = file.read()
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _write(target: str, told: Mapping[str, Any], item_id: int) -> None:
    folder = os.path.dirname(target)  # noqa: PTH120
    ours = os.path.join(folder, f".{item_id}.error{TEMPORARY}")  # noqa: PTH118
    data = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    with open(ours, "wb") as file:  # noqa: PTH123
        file.write(data.encode())
        file.flush()
        os.fsync(file.fileno())
    # Over nothing, or over our own: `write` has looked, and nobody else makes such names.
    os.replace(ours, target)  # noqa: PTH105
    moves.sync_folder(folder)


def take_back(item: Item) -> None:
    """Why `item` was refused once is not true any more where its file lies, or leaves that place.

    The explanation of another item is left alone.
    """
    if not item.has_moved:
        return
    target = path_for(item.source)
    with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        if _read(target).get("item_id") == item.id:
            os.unlink(target)  # noqa: PTH108


def withdraw(path: str) -> None:
    """The file does not come to lie at `path` after all."""
    os.unlink(path_for(path))  # noqa: PTH108
