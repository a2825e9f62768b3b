"""docs/reference/probes.md says what the probes say, in every state."""

from __future__ import annotations

import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from pywats_trio.config.options import HealthOptions
from pywats_trio.control import ServiceState
from pywats_trio.health.app import make_app
from pywats_trio.observe import gauges
from pywats_trio.observe.board import Board, Cause
from pywats_trio.service.service import Service
from pywats_trio.testing import Fault, default_config, open_test_service
from tests import pages

if TYPE_CHECKING:
    from pathlib import Path

    from quart_trio import QuartTrio

    from tests.pages import Block

PAGE = pages.ROOT / "docs" / "reference" / "probes.md"
NOW = 1_769_763_600.123
AWAY = "no connection to wats.example.com:443"
ANSWERS = [block for block in pages.blocks(PAGE) if block.key == "answer"]
LIVE = [block for block in ANSWERS if " live " in f" {block.value} "]
IN_MEMORY = [block for block in ANSWERS if block not in LIVE]

by_place = partial(pytest.mark.parametrize, "block", ids=lambda block: block.value)


def app_in(state: str, folder: Path) -> QuartTrio:
    """The app of a service that is in this state for an hour; degraded: its server is away."""
    required: tuple[str, ...] = ("queue_accessible", "converters_loaded")
    steady = [0.0]
    board = Board(clock=lambda: NOW, steady=lambda: steady[0])
    steady[0] = 3600.0
    board.tick()
    board.state, board.cause, board.server_asked = ServiceState(state), "SIGTERM", True
    if state == "degraded":
        board.begin(Cause.SERVER, "https://wats.example.com", AWAY)
        required = ("queue_accessible", "api_connected")
    options = HealthOptions(required_checks=required)
    return make_app(board, gauges.register(board), lambda: options, Service(default_config(folder)))


async def ask(app: QuartTrio, path: str) -> tuple[int, dict[str, Any]]:
    response = await app.test_client().get(path)
    return response.status_code, json.loads(await response.get_data())


def test_there_are_answers_to_compare() -> None:
    assert len(IN_MEMORY) >= 9
    assert len(LIVE) == 1


@by_place(IN_MEMORY)
async def test_an_answer_is_exactly_what_the_page_says(block: Block, tmp_path: Path) -> None:
    path, state, code = block.value.split()
    assert await ask(app_in(state, tmp_path), path) == (int(code), json.loads(block.text))


ROWS = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (.*?) ?\|$", PAGE.read_text(), re.M)


def test_the_table_has_every_state() -> None:
    assert [row[0] for row in ROWS] == [state.value for state in ServiceState]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
async def test_the_table_says_what_is_answered_in_a_state(
    row: tuple[str, ...], tmp_path: Path
) -> None:
    state, *codes, reason = row
    app = app_in(state if state != "degraded" else "running", tmp_path)
    asked = [await ask(app, path) for path in ("/health", "/health/startup", "/ready")]
    assert [str(code) for code, _answer in asked] == codes
    assert asked[2][1].get("reasons", {}) == ({"state": reason} if reason else {})


@by_place(LIVE)
async def test_the_details_have_the_shape_that_the_page_shows(block: Block, tmp_path: Path) -> None:
    """Of a service that runs and whose server is away, so that nothing is missing."""
    async with open_test_service(tmp_path) as wats, httpx.AsyncClient() as client:
        wats.server.faults.set(Fault(status=503))
        await wats.service.submit(REPORT)
        while not wats.service.board.conditions:
            await wats.service.lifecycle.changes.ticket().wait()
        answer = await client.get(f"{wats.service.board.health_url}{block.value.split()[0]}")
        status = await client.get(f"{wats.service.board.health_url}/api/v1/status")
    assert answer.status_code == 200
    assert shape(answer.json()) == shape(json.loads(block.text))
    assert status.json().keys() == answer.json().keys() - {"timestamp"}


REPORT = {
    "type": "T",
    "pn": "PCBA-100",
    "sn": "SN-0001",
    "rev": "B",
    "processCode": 10,
    "result": "P",
    "start": "2026-03-02T08:15:30+01:00",
    "root": {"stepType": "SequenceCall", "name": "Main", "group": "M", "status": "P"},
}


def shape(value: object) -> object:
    """Keys and kinds without values; of a list its first element."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [shape(inner) for inner in value[:1]]
    return (
        "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value)
    )
