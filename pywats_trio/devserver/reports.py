"""The report endpoints: submit, read back, ask for headers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen
from quart import Blueprint, Response, jsonify, request
from werkzeug.exceptions import RequestEntityTooLarge

from pywats_trio.devserver.answers import (
    cut_in_the_middle,
    identity,
    inserted,
    problem,
    report_header,
    spoiled,
)
from pywats_trio.devserver.odata import conditions, descending, limit
from pywats_trio.devserver.submitted import RefusedReport, Submitted, canonical_id
from pywats_trio.devserver.wsjf import read_wsjf
from pywats_trio.devserver.wsxf import read_wsxf
from pywats_trio.errors import InvalidInputError

if TYPE_CHECKING:
    from pywats_trio.devserver.db import Record, Reports
    from pywats_trio.devserver.faults import Faults
    from pywats_trio.devserver.journal import Entry, Journal
    from pywats_trio.devserver.token import Tokens

READERS: Final = {"WSJF": read_wsjf, "WSXF": read_wsxf}
QUICK: Final = 64 * 1024
"""Bytes that are parsed in the event loop; a bigger body goes to a thread."""
MOST: Final = 10_000
"""Headers in one answer."""


@frozen
class Submits:
    """Takes reports: reads, checks, spoils where a fault says so, stores, answers, notes."""

    reports: Reports
    faults: Faults
    journal: Journal
    tokens: Tokens

    async def take(self, kind: str) -> Response:
        """The answer to the submit that is this request."""
        entry = self.journal.arrived(time.time(), kind)
        self.journal.changed()
        try:
            answer = await self._answer(entry)
            entry.status = answer.status_code
        finally:
            entry.over = True
            self.journal.changed()
        return answer

    async def _answer(self, entry: Entry) -> Response:
        try:
            body = await request.data
        except RequestEntityTooLarge:
            return problem(413, "The report is too large.")
        denied = self.tokens.denial(request.headers.get("Authorization"))
        if denied:
            return problem(401, denied)
        entry.bytes = len(body)
        looked = await _look(entry.format, body)
        if isinstance(looked, Submitted):
            entry.id, entry.serial = looked.id, looked.serial
        else:
            entry.id, entry.serial = looked.report_id, looked.serial
        return await self._spoiled_or_stored(entry, looked, body)

    async def _spoiled_or_stored(
        self, entry: Entry, looked: Submitted | RefusedReport, body: bytes
    ) -> Response:
        effect = self.faults.draw(submit=True, report_id=entry.id, serial=entry.serial)
        entry.fault = effect.kind
        self.journal.changed()
        await self.faults.hold(effect)
        answer = spoiled(effect) or await self._stored(looked, body)
        return await cut_in_the_middle(answer) if effect.kind == "close" else answer

    async def _stored(self, looked: Submitted | RefusedReport, body: bytes) -> Response:
        if isinstance(looked, RefusedReport):
            return problem(400, str(looked))
        number, _count = await self.reports.put(looked, body)
        return inserted(looked.sent_id, looked.id, number)


async def _look(kind: str, body: bytes) -> Submitted | RefusedReport:
    def look() -> Submitted | RefusedReport:
        try:
            return READERS[kind](body)
        except RefusedReport as refused:
            return refused

    return look() if len(body) <= QUICK else await trio.to_thread.run_sync(look)


def report_routes(submits: Submits, reports: Reports) -> Blueprint:
    """`/api/Report/…` of the server's OpenAPI description."""
    routes = Blueprint("reports", __name__, url_prefix="/api/Report")

    @routes.post("/WSJF")
    async def submit_wsjf() -> Response:
        return await submits.take("WSJF")

    @routes.post("/WSXF")
    async def submit_wsxf() -> Response:
        return await submits.take("WSXF")

    @routes.get("/Wsjf/<report_id>")
    async def wsjf(report_id: str) -> Response:
        record = await _by_id(reports, report_id)
        if record is not None and request.args.get("detailLevel") == "0":
            return jsonify(identity(record))
        return await _whole(reports, record, "WSJF")

    @routes.get("/Wsxf/<report_id>")
    async def wsxf(report_id: str) -> Response:
        return await _whole(reports, await _by_id(reports, report_id), "WSXF")

    @routes.get("/Query/Header")
    async def headers() -> Response:
        ask = request.args.get
        try:
            found = await reports.find(
                conditions(ask("$filter", "")),
                top=limit("$top", ask("$top", ""), MOST, MOST),
                skip=limit("$skip", ask("$skip", ""), 0, 2**62),
                descending=descending(ask("$orderby", "")),
            )
        except InvalidInputError as error:
            return problem(400, str(error))
        return jsonify([report_header(record) for record in found])

    return routes


async def _by_id(reports: Reports, report_id: str) -> Record | None:
    try:
        return await reports.get(canonical_id(report_id))
    except RefusedReport:
        return None


async def _whole(reports: Reports, record: Record | None, wanted: str) -> Response:
    body = await reports.body(record.id) if record is not None else None
    if record is None or body is None:
        return problem(404, "There is no such report.")
    if record.format != wanted:
        came = record.format
        return problem(406, f"This report came as {came}; read it at Report/{came.title()}.")
    return Response(body, content_type=f"application/{'json' if wanted == 'WSJF' else 'xml'}")
