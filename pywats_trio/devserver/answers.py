"""The shapes in which the server answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from quart import Response, jsonify

from pywats_trio.devserver.submitted import RESULTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.devserver.db import Record
    from pywats_trio.devserver.faults import Effect

PAGE: Final = "<!doctype html><title>Sign in</title><h1>Sign in</h1><p>Please sign in to go on.</p>"


class CutShort(Exception):
    """Raised inside an answer's body to end the connection in the middle of it."""


def problem(status: int, message: str) -> Response:
    """A refusal as ASP.NET words it: an object with `Message`."""
    answer = jsonify({"Message": message})
    answer.status_code = status
    return answer


def inserted(sent_id: str, report_id: str, number: int) -> Response:
    """The insert result: the id as it was sent, the id on the server, a legacy number."""
    return jsonify({"ID": sent_id, "uuid": report_id, "Report_ID": number})


def spoiled(effect: Effect) -> Response | None:
    """The answer of a fault that comes instead of the server's own, or None."""
    fault = effect.fault
    match effect.kind:
        case "status":
            answer = problem(fault.code, f"status {fault.code} by fault injection")
            if fault.retry_after is not None:
                answer.headers["Retry-After"] = str(fault.retry_after)
            return answer
        case "redirect":
            return Response("", 302, {"Location": fault.redirect})
        case "page":
            return Response(PAGE, 200, content_type="text/html; charset=utf-8")
    return None


async def cut_in_the_middle(answer: Response) -> Response:
    """`answer`, with its full length announced and half of it sent before the connection ends."""
    whole = await answer.get_data(as_text=False)

    async def half() -> AsyncIterator[bytes]:
        yield whole[: len(whole) // 2]
        raise CutShort

    headers = {"Content-Length": str(len(whole)), "Content-Type": answer.content_type or ""}
    return Response(half(), answer.status_code, headers)


def report_header(record: Record) -> dict[str, Any]:
    """The `ReportHeader` of the server's OpenAPI description, as far as it is known here."""
    return {
        "uuid": record.id,
        "serialNumber": record.serial,
        "partNumber": record.part,
        "revision": record.revision,
        "reportType": record.type,
        "start": record.start,
        "result": RESULTS[record.result],
        "userName": record.user,
        "stationName": record.machine,
        "location": record.location,
        "purpose": record.purpose,
        "processCode": record.process_code,
        "processName": record.process_name,
        "receiveCount": record.receive_count,
        "reportSize": -(-record.size // 1024),
        "timeStamp": record.number,
    }


def identity(record: Record) -> dict[str, Any]:
    """What `detailLevel=0` shows of a report: who it is, nothing of what was measured."""
    return {
        "type": record.type,
        "id": record.id,
        "pn": record.part,
        "sn": record.serial,
        "rev": record.revision,
        "processCode": record.process_code,
        "processName": record.process_name,
        "result": record.result,
        "machineName": record.machine,
        "location": record.location,
        "purpose": record.purpose,
        "start": record.start,
    }
