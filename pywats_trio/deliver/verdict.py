"""From an answer, or from none, to what it means for the report and for the server.

The classes are data in `classes.TABLE`; here is what statuses alone do not tell. Pure: no I/O, no
clock.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any, Final
from uuid import UUID

from attrs import evolve, frozen

from pywats_trio.deliver.classes import REDIRECT, SUCCESS, TABLE, Class, Row, class_of
from pywats_trio.deliver.reading import (
    NoJSON,
    any_reason,
    excerpt,
    is_markup,
    parse,
    retry_after,
    stated_reason,
)
from pywats_trio.deliver.transport import Answer, FailureKind, Phase, TransportError
from pywats_trio.model import Problem

NAMES_A_FAULT: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)
"""Statuses that are final if the server says what is wrong with the report."""
VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+){1,3}")


@frozen
class Verdict:
    """What one answer, or its absence, means."""

    kind: Class
    problem: Problem
    status: int = 0
    """0: there was no answer."""
    receipt: str = ""
    """DELIVERED: the answer's body, cut to 1 KiB."""
    permanent: bool = False
    """REJECTED, TOO_LARGE: another attempt would end the same way."""
    ask_back: bool = False
    """REJECTED by 409: the server may have the report already."""
    suspect: bool = False
    """It may be this report's own fault: 500, or no answer to a request that was read whole."""
    retry_after: float | None = None
    """Seconds the server wants to be left alone."""
    other: str = ""
    """PROTOCOL: the id that the server answered for, which is not the report's."""

    @property
    def row(self) -> Row:
        """The row of the table."""
        return TABLE[self.kind]


def judge(result: Answer | TransportError, report_id: str, now: float = 0.0) -> Verdict:
    """What became of a report that was posted; `now` is the time of day (epoch seconds)."""
    if isinstance(result, TransportError):
        return _of_failure(result)
    if result.status in SUCCESS:
        return _of_success(result, report_id)
    return _of_status(result, now)


def judge_version(result: Answer | TransportError, now: float = 0.0) -> Verdict:
    """Whether `GET /api/App/Version` was answered by a WATS server; DELIVERED = it was."""
    if isinstance(result, TransportError):
        return _of_failure(result)
    if result.status in SUCCESS:
        version = _version_in(result)
        if result.status == HTTPStatus.OK and version:
            return Verdict(Class.DELIVERED, _NO_PROBLEM, 200, receipt=version)
        return _misdirected(result, "answers, but not the version request as a WATS server does")
    verdict = _of_status(result, now)
    if verdict.row.suspends:
        return verdict
    return _misdirected(result, f"refuses the version request ({result.status})")


def judge_presence(
    result: Answer | TransportError, report_id: str, refused: Verdict, now: float = 0.0
) -> Verdict:
    """The answer to asking an id back after `refused` (409): present = delivered."""
    if isinstance(result, Answer) and result.status == HTTPStatus.NOT_FOUND:
        return refused
    verdict = judge(result, report_id, now)
    if verdict.kind is Class.DELIVERED:
        return verdict if _names(result, report_id) else refused
    # A server that stumbles over the question says nothing about the report.
    return evolve(verdict, suspect=False) if verdict.row.suspends else refused


def _names(result: Answer | TransportError, report_id: str) -> bool:
    """Whether a JSON answer names the id."""
    if isinstance(result, TransportError):
        return False
    try:
        return _plain(report_id) in {_plain(i) for i in _ids_in(parse(result.body)).values()}
    except NoJSON:
        return False


_NO_PROBLEM: Final = Problem("", "")


def _verdict(kind: Class, message: str, answer: Answer | None = None, **more: Any) -> Verdict:  # noqa: ANN401
    evidence = excerpt(answer.body) if answer else ""
    problem = Problem(kind, message, TABLE[kind].hint, evidence)
    return Verdict(kind, problem, answer.status if answer else 0, **more)


def _of_failure(error: TransportError) -> Verdict:
    unread = error.kind is FailureKind.TIMEOUT and error.phase is Phase.READ
    return _verdict(Class(error.kind.value), str(error), suspect=unread)


def _of_success(answer: Answer, report_id: str) -> Verdict:
    delivered = Verdict(Class.DELIVERED, _NO_PROBLEM, answer.status, receipt=excerpt(answer.body))
    if not answer.body.strip():
        return delivered
    try:
        ids = _ids_in(parse(answer.body))
    except NoJSON as error:
        if is_markup(answer.body) or not _claims_json(answer):
            return _misdirected(answer, "answers with a page instead of JSON")
        return _verdict(Class.PROTOCOL, f"the server's answer is damaged JSON: {error}", answer)
    other = ids.get("id") if _plain(report_id) not in map(_plain, ids.values()) else None
    if other:
        message = f"the server answered for another report, {other[:64]!r}"
        return _verdict(Class.PROTOCOL, message, answer, other=other)
    return delivered


def blamed(verdict: Verdict, payload: bytes) -> Verdict:
    """`verdict`, unless the report itself holds the id that the server answered for.

    Then its converter stored it under one id and wrote another into it: nothing is wrong with the
    server, and the others must not wait for that.
    """
    if not verdict.other or not _holds(payload, verdict.other):
        return verdict
    message = f"the report says that its id is {verdict.other!r}, and was stored under another one"
    return _verdict(Class.REJECTED, message, permanent=True)


def _holds(payload: bytes, guid: str) -> bool:
    """Whether a GUID is in there, in one of the two ways in which it is written."""
    plain = _plain(guid)
    if not re.fullmatch(r"[0-9a-f]{32}", plain):
        return False
    text = payload.lower()
    return plain.encode() in text or str(UUID(plain)).encode() in text


def _ids_in(value: Any) -> dict[str, str]:  # noqa: ANN401 - JSON is anything
    """The ids that an insert result names (server's OpenAPI: `{"ID", "uuid", "Report_ID"}`).

    `ID` is the one that was sent, under "id" here. `uuid` is the server's own and may differ, so it
    can confirm a delivery but not deny one. An array and a bare string are taken, as pyWATS does; a
    bare string that is no GUID is a remark.
    """
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, str):
        return {"id": value} if re.fullmatch(r"[0-9a-f]{32}", _plain(value)) else {}
    if not isinstance(value, dict):
        return {}
    found = {key: value.get(key) for key in ("uuid", "id", "ID")}
    named = {key: text for key, text in found.items() if isinstance(text, str) and text}
    if "ID" in named:
        named["id"] = named.pop("ID")
    return named


def _plain(guid: str) -> str:
    """A GUID without what writers differ in: case, hyphens, braces."""
    return guid.strip().strip("{}()").replace("-", "").lower()


def _claims_json(answer: Answer) -> bool:
    begin = answer.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return "json" in answer.headers.get("content-type", "").lower() or begin in {b"{", b"[", b'"'}


def _version_in(answer: Answer) -> str:
    try:
        value = parse(answer.body)
    except NoJSON:
        return ""
    if isinstance(value, dict):
        value = next((v for k, v in value.items() if k.lower() == "version"), None)
    return value if isinstance(value, str) and VERSION.fullmatch(value) else ""


def _misdirected(answer: Answer, what: str) -> Verdict:
    return _verdict(Class.MISDIRECTED, f"the address {what}", answer)


def _of_status(answer: Answer, now: float) -> Verdict:
    kind = class_of(answer.status)
    told = retry_after(answer.headers, now)
    if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and told is not None:
        kind = Class.THROTTLED
    return _verdict(
        kind,
        _sentence(kind, answer),
        answer,
        permanent=kind is Class.TOO_LARGE
        or (answer.status in NAMES_A_FAULT and bool(stated_reason(answer.body))),
        ask_back=answer.status == HTTPStatus.CONFLICT,
        suspect=answer.status == HTTPStatus.INTERNAL_SERVER_ERROR,
        retry_after=told if kind is Class.THROTTLED else None,
    )


_SENTENCES: Final = {
    Class.THROTTLED: "the server asks to be left alone for a while",
    Class.SERVER: "the server cannot work at the moment",
    Class.AUTH: "the server does not accept the token",
    Class.MISDIRECTED: "there is no WATS server at this address",
    Class.PROTOCOL: "the server answered with an unknown status",
    Class.REJECTED: "the server refused the report",
    Class.TOO_LARGE: "the report is too large for the server",
}


def _sentence(kind: Class, answer: Answer) -> str:
    """What happened, the status, and why by the server's own words."""
    location = answer.headers.get("location", "") if answer.status in REDIRECT else ""
    reason = f"it points to {location[:200]}" if location else any_reason(answer.body)
    sentence = f"{_SENTENCES[kind]} ({answer.status})"
    return f"{sentence}: {reason}" if reason else sentence
