"""What a server says, made fit for people: reasons out of bodies, waiting times out of headers.

Bodies are untrusted: they may be huge, nested without end, not text, or a web page.
"""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST_REASON: Final = 1024
"""Bytes of a reason or a receipt that are kept."""
READ_OF_BODY: Final = 16 * 1024
"""Characters of a body that are looked at for a reason."""
LONGEST_WAIT: Final = 3600.0
"""Seconds; a `Retry-After` beyond is cut, so that a typing error does not park the queue."""
REASON_KEYS: Final = ("Message", "message", "error", "detail", "title")
"""Where servers put their reason, in the order pyWATS looks."""
DEEPEST: Final = 4

_TAG = re.compile(r"<[^<>]*>")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]*)?")


class NoJSON(ValueError):
    """The body is no JSON text."""


def parse(body: bytes) -> Any:  # noqa: ANN401 - JSON is anything
    """The JSON value in `body`, with or without BOM.

    Raises:
        NoJSON: it is none, or one that no server would write (nested a thousand deep).
    """
    try:
        return json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise NoJSON(str(error)) from None


def is_markup(body: bytes) -> bool:
    """Whether it looks like a web page or XML."""
    return body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def excerpt(body: bytes, limit: int = LONGEST_REASON) -> str:
    """The beginning of a body as one printable line of at most `limit` bytes in UTF-8."""
    return _cut(body[: 4 * limit].decode("utf-8-sig", "replace"), limit)


def stated_reason(body: bytes) -> str:
    """The reason a server gives in one of the known JSON shapes or as plain text; else empty."""
    if is_markup(body):
        return ""
    try:
        value = parse(body)
    except NoJSON:
        return excerpt(body)
    return _cut(_reason_in(value))


def any_reason(body: bytes) -> str:
    """`stated_reason`, else the words of a page; may be empty."""
    return stated_reason(body) or (_words_of_page(body) if is_markup(body) else "")


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait by `Retry-After` (seconds or date, RFC 9110), 0 to 3600; None if unusable.

    A date is compared with the server's own `Date` if it sent one, so that a wrong clock here does
    no harm, else with `now` (seconds since the epoch); then one that is over says nothing.
    """
    text = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(text):
        return min(float(text), LONGEST_WAIT)
    until = _epoch(text)
    if until is None:
        return None
    base = _epoch(headers.get("date", ""))
    if base is None and until <= now:
        return None
    return max(0.0, min(until - (now if base is None else base), LONGEST_WAIT))


def _epoch(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _reason_in(value: Any, depth: int = 0) -> str:  # noqa: ANN401 - JSON is anything
    if isinstance(value, str):
        return _without_markup(value[:READ_OF_BODY])
    if depth == DEEPEST or not value:
        return ""
    if isinstance(value, list):
        return "; ".join(filter(None, (_reason_in(v, depth + 1) for v in value[:20])))
    if isinstance(value, dict):
        found = (_reason_in(value.get(key), depth + 1) for key in REASON_KEYS)
        return ": ".join(filter(None, (next(filter(None, found), ""), _errors_in(value, depth))))
    return ""


def _errors_in(value: dict[str, Any], depth: int) -> str:
    """`errors` as ASP.NET writes them: an object of arrays, or an array."""
    errors = value.get("errors")
    if not isinstance(errors, dict):
        return _reason_in(errors, depth + 1)
    named = ((name, _reason_in(e, depth + 1)) for name, e in list(errors.items())[:20])
    return "; ".join(f"{name}: {text}" for name, text in named if text)


def _words_of_page(body: bytes) -> str:
    text = body[: 4 * READ_OF_BODY].decode("utf-8-sig", "replace")
    for element in ("style", "script"):
        text = _without_element(text, element)
    return _cut(_without_markup(text))


def _without_element(text: str, element: str) -> str:
    """One pass with `find`: a regular expression takes quadratic time on hostile pages."""
    lower = text.lower()
    kept, at = [], 0
    while (start := lower.find(f"<{element}", at)) >= 0:
        kept.append(text[at:start])
        end = lower.find(f"</{element}", start)
        at = len(text) if end < 0 else end
    return "".join((*kept, text[at:]))


def _without_markup(text: str) -> str:
    return html.unescape(_TAG.sub(" ", text))


def _cut(text: str, limit: int = LONGEST_REASON) -> str:
    line = _SPACE.sub(" ", text).strip()
    data = line.encode("utf-8", "replace")
    if len(data) <= limit:
        return data.decode()
    return data[: limit - 3].decode("utf-8", "ignore") + "…"
