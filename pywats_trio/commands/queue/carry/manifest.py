"""What stands in `manifest.json`, and in a file of receipts. Pure, no I/O."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

import attrs
from attrs import frozen

from pywats_trio.errors import InvalidInputError
from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

NAME: Final = "manifest.json"
EXPORT: Final = "pywats-trio export"
RECEIPTS: Final = "pywats-trio receipts"
"""What `format` says."""
VERSION: Final = 1
"""Of both formats."""
LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a manifest or a file of receipts."""

_UUID: Final = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ORIGIN: Final = re.compile(f"{_UUID}/[0-9]{{1,19}}")
"""The name of a report in all exports: the export that it was in first, and its number there."""
EXPORT_ID: Final = re.compile(_UUID)
_SHA256: Final = re.compile("[0-9a-f]{64}")
_MADE_BY: Final = "made by `pywats-trio queue export`"


@frozen
class Entry:
    """One report of an export."""

    origin: str
    """Its name in all exports."""
    item_id: int
    """In the queue that it comes from."""
    report_id: str
    file: str
    """Its name beside the manifest."""
    sha256: str
    """Of its bytes, hex."""
    size: int
    """Bytes."""
    priority: int
    max_attempts: int
    serial_number: str
    part_number: str
    result: str
    start: str
    converter: str
    source: str
    correlation_id: str
    created_at: str
    """ISO 8601."""
    state: str
    """When it was exported."""
    attempts: int
    last_error: str


@frozen
class Manifest:
    """An export."""

    export: str
    """Its id, a UUID."""
    instance: str
    exported_at: str
    """ISO 8601."""
    kept: bool
    """Whether the reports are delivered from where they come from, too."""
    items: tuple[Entry, ...]


@frozen
class Receipt:
    """What became of one report where it was imported."""

    origin: str
    export: str
    """The first part of `origin`."""
    item_id: int
    """Its number where it comes from: the other part."""
    report_id: str
    delivered: bool
    receipt: str = ""
    """What the server answered."""
    delivered_at: str = ""
    """ISO 8601."""
    why: str = ""
    """Why it was not delivered, if it failed."""


@frozen
class Receipts:
    """A file of receipts."""

    instance: str
    written_at: str
    """ISO 8601."""
    receipts: tuple[Receipt, ...]


def written(document: Manifest | Receipts) -> bytes:
    """As it stands in the file."""
    kind = EXPORT if isinstance(document, Manifest) else RECEIPTS
    content = {"format": kind, "version": VERSION, **attrs.asdict(document)}
    return json.dumps(content, indent=1, ensure_ascii=True).encode() + b"\n"


def read(data: bytes, told: str) -> Manifest | Receipts:
    """What stands in a file that `written` made; `told` is its name for the user.

    Raises:
        InvalidInputError: it is none of ours, of a newer version, or was changed.
    """
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"{told} is no JSON ({error}); carry it over again") from error
    kind = content.get("format") if isinstance(content, dict) else None
    if kind not in (EXPORT, RECEIPTS):
        raise InvalidInputError(f"{told} is neither an export nor a file of receipts {_MADE_BY}")
    version = content.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InvalidInputError(
            f"{told} was made by a newer pywats-trio (version {version} of the format, this one "
            f"knows {VERSION}); install that version here, too"
        )
    if kind == RECEIPTS:
        receipts = _each(content, "receipts", Receipt, told, _check_receipt)
        return _made(Receipts, {**content, "receipts": receipts}, told)
    entries = _each(content, "items", Entry, told, _check_entry)
    manifest = _made(Manifest, {**content, "items": entries}, told)
    if not EXPORT_ID.fullmatch(manifest.export):
        raise _changed(told, "'export' is no UUID")
    _check_apart(manifest, told)
    return manifest


def _each(
    content: Mapping[str, Any], key: str, kind: type[T], told: str, check: Callable[[T], str]
) -> tuple[T, ...]:
    listed = content.get(key)
    if not isinstance(listed, list):
        raise _changed(told, f"{key!r} is no list")
    made = []
    for number, values in enumerate(listed):
        where = f"{key}[{number}]"
        one = _made(kind, values, told, where)
        if why := check(one):
            raise _changed(told, f"{where}: {why}")
        made.append(one)
    return tuple(made)


_PLAIN: Final[Mapping[str, type]] = {"str": str, "int": int, "bool": bool}


def _made(kind: type[T], values: object, told: str, where: str = "") -> T:
    """An instance of the attrs class; other keys, as of a later program, are passed over."""
    prefix = f"{where}: " if where else ""
    if not isinstance(values, dict):
        raise _changed(told, f"{prefix}no object")
    given = {}
    for field in attrs.fields(kind):  # type: ignore[arg-type]  # it is one
        if field.name not in values:
            if field.default is attrs.NOTHING:
                raise _changed(told, f"{prefix}{field.name!r} is missing")
            continue
        value = values[field.name]
        wanted = _PLAIN.get(str(field.type))
        if wanted and type(value) is not wanted:
            raise _changed(told, f"{prefix}{field.name!r} is not of type {wanted.__name__}")
        given[field.name] = value
    return kind(**given)


def _check_entry(entry: Entry) -> str:
    """A sentence if something cannot be right."""
    checks = {
        "'origin' is no name of a report": ORIGIN.fullmatch(entry.origin),
        "'report_id' is empty": entry.report_id,
        "'sha256' is none": _SHA256.fullmatch(entry.sha256),
        "'size' is negative": entry.size >= 0,
        "'priority' is not 1 to 10": PRIORITY_FIRST <= entry.priority <= PRIORITY_LAST,
        "'max_attempts' is not 1 or more": entry.max_attempts >= 1,
        "'file' is no plain name": is_plain(entry.file),
    }
    return next((why for why, good in checks.items() if not good), "")


def is_plain(name: str) -> bool:
    """Whether it names a file in the same folder, on every system."""
    return bool(name) and name not in (".", "..") and not set(name) & set("/\\:\0")


def _check_receipt(receipt: Receipt) -> str:
    if receipt.origin != f"{receipt.export}/{receipt.item_id}":
        return "'origin' is not made of 'export' and 'item_id'"
    return "" if ORIGIN.fullmatch(receipt.origin) else "'origin' is no name of a report"


def _check_apart(manifest: Manifest, told: str) -> None:
    for key in ("origin", "file"):
        names = [getattr(entry, key) for entry in manifest.items]
        if len(set(names)) < len(names):
            raise _changed(told, f"two items have the same {key!r}")


def _changed(told: str, why: str) -> InvalidInputError:
    return InvalidInputError(
        f"{told} is not as it was written ({why}); carry the export over again"
    )
