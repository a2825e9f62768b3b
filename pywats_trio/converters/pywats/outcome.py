"""What a pyWATS class answered, in our words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.api import LONGEST_RETRY, Reject, Retry
from pywats_trio.reports.model import Finding
from pywats_trio.reports.report import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.converters.pywats.calls import Opinion
    from pywats_trio.converters.pywats.shims import ConverterResult

_USUAL: Final = "move"
"""What a result asks for that does not say what is to become of the file."""
_AFTER: Final = {"delete": "delete", "keep": "keep", "zip": "archive"}
"""What else it can ask for, and what that is here."""
LATER: Final = 60.0
"""Seconds until a file that a class suspends is tried again, where it names no time."""


class ConversionFailed(Exception):
    """The class says that it failed."""


def admit(opinion: Opinion) -> str:
    """An alarm to tell with the reports if the class is hardly sure of the file, else nothing.

    Raises:
        Reject: it is not sure enough.
        Retry: what it needs besides is not there yet.
    """
    sure = f" (confidence {opinion.confidence:.2f})" if opinion.confidence else ""
    if opinion.refused:
        raise Reject(
            f"the class does not take the file: {opinion.message or 'it gives no reason'}{sure}",
            hint="Look whether the file belongs to another converter.",
        )
    if opinion.wait is not None:
        raise Retry(opinion.message or "the class is not ready", after=seconds(opinion.wait))
    if not opinion.alarming:
        return ""
    return f"the class is hardly sure of the file: {opinion.message or 'it gives no reason'}{sure}"


def check(result: ConverterResult) -> None:
    """Return if the conversion succeeded.

    Raises:
        Retry: it is suspended.
        Reject: it is skipped or rejected.
        ConversionFailed: it failed.
        TypeError: this is no result.
    """
    status = word(getattr(result, "status", None))
    match status:
        case "success":
            return
        case "suspended":
            why = result.suspend_reason or "the class asked to be called again later"
            raise Retry(why, after=seconds(result.retry_after))
        case "skipped" | "rejected":
            raise Reject(_reason(result, status), hint=f"The class {status} this file.")
        case "failed":
            raise ConversionFailed(_reason(result, status))
    raise TypeError(
        f"the class must answer with a ConverterResult, not {type(result).__name__} "
        f"with the status {status!r}"
    )


def after(result: ConverterResult, default: object) -> str:
    """What `Context.after` is to be told of a result; empty: nothing.

    `default` is the `default_post_action` of the class.

    Raises:
        ValueError: the class asks for something that is not known.
    """
    action = word(result.post_action)
    if action == _USUAL:  # so does a result that says nothing
        action = word(default)
    if action not in {_USUAL, *_AFTER}:
        raise ValueError(f"{action!r} is no post action; write move, delete, zip or keep")
    return _AFTER.get(action, "")


def word(value: object) -> str:
    """The value of an enumeration, or a text that stands for it, in lower case."""
    return str(value.value if isinstance(value, Enum) else value).lower()


def _reason(result: ConverterResult, status: str) -> str:
    # By the documentation the reason of a skipped file is in `suspend_reason`, in fact in `error`.
    why = result.error or result.suspend_reason or f"{status} without a reason"
    warnings = "; ".join(map(str, result.warnings))
    return f"{why} (warnings: {warnings})" if warnings else why


def seconds(after: timedelta | float | None) -> float:
    """A time to wait, within what `Retry` takes."""
    if after is None:
        return LATER
    wanted = after.total_seconds() if isinstance(after, timedelta) else float(after)
    return min(max(wanted, 0.0), LONGEST_RETRY)


def reports(result: ConverterResult, alarm: str) -> list[Report]:
    """Each report, checked; the warnings and the alarm of the conversion are findings of each.

    Raises:
        InvalidReport: one is no WATS report.
        TypeError: one is nothing that could be.
    """
    notes = [Finding("", note) for note in (*filter(None, [alarm]), *map(str, result.warnings))]
    given = result.reports or ([] if result.report is None else [result.report])
    return [Report(mapping, notes=notes) for mapping in _flat(given)]


def _flat(given: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    for one in given:
        if isinstance(one, Mapping):
            yield one
        elif isinstance(one, list | tuple):
            yield from _flat(one)
        elif hasattr(one, "model_dump"):
            yield _dumped(one)
        else:
            raise TypeError(f"a report is a mapping or a model of pyWATS, not {type(one).__name__}")


def _dumped(model: Any) -> Mapping[str, Any]:  # noqa: ANN401 - pydantic is not ours
    dumped: dict[str, Any] = model.model_dump(mode="json", by_alias=True, exclude_none=True)
    if "id" not in model.model_fields_set:
        # Random at each conversion, so a file that is converted again would be another report;
        # one without an id gets that which follows from the bytes of the file.
        dumped.pop("id", None)
    return dumped
