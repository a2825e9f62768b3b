"""A running server, a client with a token, reports to send."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from pywats_trio.devserver import DevServer, open_devserver

TOKEN = {"Authorization": "Basic c3RhdGlvbjprZXk="}

MakeReport = Callable[..., dict[str, Any]]


@pytest.fixture
async def server() -> AsyncIterator[DevServer]:
    async with open_devserver() as running:
        yield running


@pytest.fixture
async def client(server: DevServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url, headers=TOKEN) as asking:
        yield asking


def wsjf(**changes: Any) -> dict[str, Any]:
    """The smallest complete test report; a change to `...` takes the key away."""
    report = {
        "type": "T",
        "id": str(uuid.uuid4()),
        "pn": "PN-1",
        "sn": "SN-1",
        "rev": "A",
        "processCode": 10,
        "result": "P",
        "machineName": "ST1",
        "location": "Hall 1",
        "purpose": "Test",
        "start": "2026-01-30T10:00:00.1234567+01:00",
        "root": {
            "stepType": "SequenceCall",
            "name": "MainSequence",
            "group": "M",
            "status": "P",
            "seqCall": {"path": "main", "name": "main", "version": "1"},
            "steps": [],
        },
        "uut": {"user": "op"},
    } | changes
    return {key: value for key, value in report.items() if value is not ...}


def wsxf(report_id: str = "0B9F6C1E-2F5B-4A7E-9D55-4F2F3A1C0012", **attributes: str) -> bytes:
    """The smallest complete test report in XML; an empty attribute is left out."""
    given = {
        "type": "UUT",
        "ID": report_id,
        "SN": "SN-1",
        "PN": "PN-1",
        "Rev": "A",
        "Result": "Passed",
        "MachineName": "ST1",
        "Location": "Hall 1",
        "Purpose": "Test",
        "Start": "2026-01-30T10:00:00+01:00",
    } | attributes
    head = " ".join(f'{name}="{value}"' for name, value in given.items() if value)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        '<Reports xmlns="http://wats.virinco.com/schemas/WATS/Report/wsxf">'
        f'<Report {head}><UUT UserLoginName="op"/><Process Code="10" Name="SW Debug"/>'
        '<Step Group="Main" Name="Main" StepType="SequenceCall" Status="Passed">'
        '<SequenceCall Name="demo" Version="1"/></Step></Report></Reports>'
    ).encode()
