"""The app over a board: each state of the life cycle, and every address with its errors."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from pywats_trio.config.options import CHECKS, HealthOptions
from pywats_trio.control import ServiceState as S
from pywats_trio.errors import StoreError
from pywats_trio.health.app import make_app
from pywats_trio.observe import gauges
from pywats_trio.observe.board import STALLED_SECONDS, Board, Cause
from pywats_trio.observe.checks import CAUSES
from pywats_trio.observe.gauges import Gauges
from pywats_trio.observe.status import status
from pywats_trio.service.lifecycle import Lifecycle
from pywats_trio.service.service import Service
from tests.e2e.site import make_site

if TYPE_CHECKING:
    from pathlib import Path

    from quart_trio import QuartTrio

    from pywats_trio.commands.host import OpenQueue
    from pywats_trio.model import Event

NOW = 1_769_763_600.123
ISO = "2026-01-30T09:00:00.123Z"


@attrs.define
class Face:
    """An app over a board whose clocks stand still until they are set."""

    board: Board
    lifecycle: Lifecycle
    app: QuartTrio
    seconds: list[float]
    """The steady clock, the last entry."""
    options: list[HealthOptions]
    """The last entry is in effect."""

    async def ask(
        self, path: str, method: str = "GET", **headers: str
    ) -> tuple[int, dict[str, str], str]:
        """Status, headers (their names in lower case) and body."""
        send = getattr(self.app.test_client(), method.lower())
        response = await send(path, headers=headers)
        told = {name.lower(): value for name, value in response.headers.items()}
        return response.status_code, told, await response.get_data(as_text=True)

    async def json(self, path: str) -> tuple[int, dict[str, Any]]:
        code, headers, body = await self.ask(path)
        assert headers["content-type"] == "application/json"
        return code, json.loads(body)

    async def codes(self) -> tuple[int, int, int]:
        """Of `/health`, `/health/startup` and `/ready`."""
        paths = ("/health", "/health/startup", "/ready")
        health, startup, ready = [(await self.json(path))[0] for path in paths]
        return health, startup, ready

    def reach(self, state: S) -> None:
        """Enter `state` by a legal way from the beginning."""
        for step in (*WAYS[state], state):
            if step is not S.CREATED:
                self.lifecycle.enter(step, f"to {step}")

    def counted(self, name: str, **labels: str) -> float | None:
        return self.board.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def face(tmp_path: Path) -> Face:
    seconds, options = [1000.0], [HealthOptions()]
    board = Board("line-7", "1.2.3", lambda: NOW, steady=lambda: seconds[-1])
    lifecycle = Lifecycle(board)
    asleep = Service(make_site(tmp_path, "http://127.0.0.1:9").config)  # never run: never ready
    app = make_app(board, gauges.register(board), lambda: options[-1], asleep)
    return Face(board, lifecycle, app, seconds, options)


UP = (S.VALIDATING, S.RECOVERING, S.STARTING)
WAYS: dict[S, tuple[S, ...]] = {
    S.CREATED: (),
    S.VALIDATING: (),
    S.RECOVERING: UP[:1],
    S.STARTING: UP[:2],
    S.RUNNING: UP,
    S.DEGRADED: UP,
    S.PAUSED: (*UP, S.RUNNING),
    S.RELOADING: (*UP, S.RUNNING),
    S.DRAINING: (*UP, S.RUNNING),
    S.STOPPED: (*UP, S.RUNNING, S.DRAINING),
    S.FAILED: (*UP, S.RUNNING),
}
TABLE: dict[S, tuple[int, int, int, int]] = {
    # /health, /health/startup, /ready, /ready while the queue cannot be written
    S.CREATED: (200, 503, 503, 503),
    S.VALIDATING: (200, 503, 503, 503),
    S.RECOVERING: (200, 503, 503, 503),
    S.STARTING: (200, 503, 503, 503),
    S.RUNNING: (200, 200, 200, 503),
    S.DEGRADED: (200, 200, 200, 503),
    S.PAUSED: (200, 200, 503, 503),
    S.RELOADING: (200, 200, 200, 503),
    S.DRAINING: (200, 200, 503, 503),
    S.STOPPED: (200, 200, 503, 503),
    S.FAILED: (503, 503, 503, 503),
}
"""The table of contract section 2."""


def test_the_table_has_every_state() -> None:
    assert set(TABLE) == set(WAYS) == set(S)


@pytest.mark.parametrize("state", S)
async def test_each_state_answers_as_the_table_says(face: Face, state: S) -> None:
    face.reach(state)
    assert face.board.state is state
    assert await face.codes() == TABLE[state][:3]


@pytest.mark.parametrize("state", S)
async def test_each_state_answers_as_the_table_says_where_a_required_check_fails(
    face: Face, state: S
) -> None:
    face.reach(state)
    face.board.begin(Cause.STORE, "", "the disk is full", "make room")
    health, startup, _ready, ready = TABLE[state]
    assert await face.codes() == (health, startup, ready)


@pytest.mark.parametrize("state", S)
async def test_a_server_that_is_away_changes_no_answer_of_any_state(face: Face, state: S) -> None:
    face.reach(state)
    face.board.begin(Cause.SERVER, "http://wats", "it does not answer")
    assert await face.codes() == TABLE[state][:3]


@pytest.mark.parametrize("before", [S.CREATED, *UP])
async def test_a_service_that_failed_before_it_was_up_never_started(face: Face, before: S) -> None:
    face.reach(before)
    face.lifecycle.enter(S.FAILED, "the port is taken")
    assert await face.codes() == (503, 503, 503)
    _, told = await face.json("/health/startup")
    assert told["status"] == "failed"


@pytest.mark.parametrize("state", [S.RUNNING, S.DEGRADED, S.RELOADING])
@pytest.mark.parametrize("check", CAUSES)
async def test_ready_fails_with_the_reason_of_a_check_only_where_it_is_required(
    face: Face, state: S, check: str
) -> None:
    face.board.server_asked = True
    face.reach(state)
    others = tuple(name for name in CHECKS if name != check)
    face.board.begin(CAUSES[check][0], "", "it is broken", "mend it")
    face.options.append(HealthOptions(required_checks=others))
    code, told = await face.json("/ready")
    assert (code, told["status"], told["checks"]) == (
        200,
        "ready",
        {name: name != check for name in CHECKS},
    )
    assert "reasons" not in told
    face.options.append(HealthOptions(required_checks=(check,)))
    code, told = await face.json("/ready")
    assert (code, told["status"]) == (503, "not_ready")
    assert told["reasons"] == {check: "it is broken"}
    face.board.end(CAUSES[check][0])
    assert (await face.json("/ready"))[0] == 200


async def test_two_reasons_of_one_check_are_both_told(face: Face) -> None:
    face.reach(S.RUNNING)
    face.board.begin(Cause.CONVERTER, "a", "a is broken")
    face.board.begin(Cause.CONVERTER, "b", "b is broken")
    _, told = await face.json("/ready")
    assert told["reasons"] == {"converters_loaded": "a is broken; b is broken"}


@pytest.mark.parametrize("state", sorted(set(S) - {S.RUNNING, S.DEGRADED, S.RELOADING}))
async def test_ready_names_the_state_that_is_in_the_way(face: Face, state: S) -> None:
    face.reach(state)
    _, told = await face.json("/ready")
    assert set(told["reasons"]) == {"state"}
    assert state.value in told["reasons"]["state"]


async def test_the_bodies_of_the_probes_are_exactly_these(face: Face) -> None:
    face.board.server_asked = True
    face.reach(S.RUNNING)
    face.seconds.append(4600.0)
    face.board.tick()
    common = {"timestamp": ISO, "uptime_seconds": 3600.0}
    assert await face.json("/health") == (200, {"status": "healthy", **common})
    assert await face.json("/health/startup") == (200, {"status": "started", **common})
    ready = {"status": "ready", "timestamp": ISO, "checks": dict.fromkeys(CHECKS, True)}
    assert await face.json("/ready") == (200, ready)
    face.lifecycle.enter(S.FAILED, "a part kept failing")
    assert await face.json("/health") == (503, {"status": "unhealthy", **common})


async def test_startup_says_starting_until_there_is_work(face: Face) -> None:
    face.reach(S.STARTING)
    assert (await face.json("/health/startup"))[1]["status"] == "starting"
    face.lifecycle.at_work("it was paused before", paused=True)
    assert (await face.json("/health/startup"))[1]["status"] == "started"


@pytest.mark.parametrize(
    ("path", "alias"), [("/health", "/health/live"), ("/ready", "/health/ready")]
)
async def test_an_alias_tells_the_same(face: Face, path: str, alias: str) -> None:
    for state in (S.CREATED, *UP, S.RUNNING, S.PAUSED):
        if state is not S.CREATED:
            face.lifecycle.enter(state, "on its way")
        assert await face.json(path) == await face.json(alias)


async def test_liveness_fails_when_nothing_has_ticked_for_as_long_as_is_allowed(face: Face) -> None:
    face.reach(S.RUNNING)
    face.seconds.append(1000.0 + STALLED_SECONDS - 0.001)
    assert (await face.codes())[0] == 200
    face.seconds.append(1000.0 + STALLED_SECONDS)
    assert (await face.codes())[0] == 503
    face.seconds.append(1000.0 + STALLED_SECONDS + 0.001)
    assert (await face.codes())[0] == 503
    face.board.tick()
    assert (await face.codes())[0] == 200


@pytest.mark.parametrize("cause", Cause)
async def test_nothing_that_holds_the_service_up_fails_liveness(face: Face, cause: Cause) -> None:
    face.reach(S.RUNNING)
    face.board.begin(cause, "x", "it is broken")
    assert face.board.state is S.DEGRADED
    assert (await face.codes())[0] == 200


async def test_details_are_the_status_and_a_timestamp(face: Face) -> None:
    face.reach(S.DRAINING)
    face.board.waiting_for = lambda: ("1 conversions",)
    code, told = await face.json("/health/details")
    here = {**status(face.board), "timestamp": ISO}
    moving = ("resources",)
    assert code == 200
    assert {**told, **dict.fromkeys(moving)} == {**here, **dict.fromkeys(moving)}
    assert told["waiting_for"] == ["1 conversions"]


async def test_the_status_is_that_of_local_control(face: Face) -> None:
    face.reach(S.RUNNING)
    code, told = await face.json("/api/v1/status")
    assert code == 200
    assert told.keys() == status(face.board).keys()
    assert (told["state"], told["instance"], told["version"]) == ("running", "line-7", "1.2.3")


async def test_the_converters_are_a_listing(face: Face) -> None:
    face.board.converters = lambda: [{"name": "a"}, {"name": "b"}]
    listed = {"items": [{"name": n, "counts": None} for n in "ab"], "next": None}  # no queue yet
    assert await face.json("/api/v1/converters") == (200, listed)


async def test_what_is_not_built_yet_says_so(face: Face) -> None:
    code, told = await face.json("/api/v1/errors")
    assert (code, told["error_code"]) == (501, "not_built")
    assert "not built yet" in told["error"]


# Errors


@pytest.mark.parametrize("path", ["/api/v1/queue", "/api/v1/queue/1", "/api/v1/events"])
async def test_the_queue_cannot_be_read_before_it_is_open(face: Face, path: str) -> None:
    code, headers, body = await face.ask(path)
    assert (code, headers["retry-after"]) == (503, "1")
    assert json.loads(body) == {
        "error": "the service is created; ask again when it runs",
        "error_code": "not_ready",
    }


class Unreadable:
    """A queue on a disk that gives an error for everything."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def queue(self) -> OpenQueue:
        raise StoreError("no queue")

    def progress(self, item_id: int) -> int:
        raise AssertionError(f"nothing is known of item {item_id}")

    def events(self, since: int | None = None) -> Unreadable:
        assert since is None
        return self

    async def start(self) -> None:
        raise StoreError("no history")

    async def __anext__(self) -> Event:
        raise AssertionError("it was never started")


@pytest.mark.parametrize("path", ["/api/v1/queue", "/api/v1/queue/1", "/api/v1/events"])
async def test_a_queue_that_cannot_be_read_is_told_before_anything_else(
    face: Face, path: str
) -> None:
    face.app = make_app(face.board, Gauges(face.board), HealthOptions, Unreadable(face.board))
    code, headers, body = await face.ask(path)
    assert (code, headers["retry-after"]) == (503, "1")
    assert json.loads(body)["error_code"] == "store"


NOT_A_LIMIT = ["0", "501", "-1", "1.5", "x", "9" * 20, "%D9%A3"]


@pytest.mark.parametrize("limit", NOT_A_LIMIT)
async def test_a_limit_is_1_to_500(face: Face, limit: str) -> None:
    code, told = await face.json(f"/api/v1/queue?limit={limit}")
    assert (code, told["error"]) == (400, "limit must be a whole number from 1 to 500")


@pytest.mark.parametrize("limit", ["1", "500", "007"])
async def test_a_limit_at_its_ends_is_taken(face: Face, limit: str) -> None:
    assert (await face.json(f"/api/v1/queue?limit={limit}"))[0] == 503, "only the queue is missing"


@pytest.mark.parametrize("path", ["queue?after={}", "events?since={}"])
async def test_numbers_of_the_queue_are_those_that_fit(face: Face, path: str) -> None:
    for number, code in ((0, 503), (2**63 - 1, 503), (2**63, 400), (-1, 400)):
        assert (await face.json(f"/api/v1/{path.format(number)}"))[0] == code


async def test_a_last_event_id_that_is_no_number_is_refused(face: Face) -> None:
    code, _, body = await face.ask("/api/v1/events?since=1", **{"Last-Event-ID": "x"})
    assert code == 400
    assert json.loads(body)["error"].startswith("Last-Event-ID must be")


async def test_the_id_of_an_item_is_a_number_from_1(face: Face) -> None:
    for text, code in (("0", 400), ("1", 503), ("x", 400), (str(2**63), 400)):
        assert (await face.json(f"/api/v1/queue/{text}"))[0] == code


WRONG = {
    "state=FAILED&limit=5": "there is no parameter 'state'; did you mean 'states'?",
    f"{1000 * 'x'}=1": f"there is no parameter '{80 * 'x'}'",
    "kind=": "kind is empty; leave it out, or give it a value",
    "states=FAILED&states=": "states is empty; leave it out, or give it a value",
    "kind=file&kind=report": "kind is given 2 times; give it once",
    "older_than=-1": "older_than must be a number of seconds from 0 to 3162240000",
    "older_than=3162240001": "older_than must be a number of seconds from 0 to 3162240000",
    "newer_than=nan": "newer_than must be a number of seconds from 0 to 3162240000",
    "newer_than=1h": "newer_than must be a number of seconds from 0 to 3162240000",
    "oldest_first=1": "oldest_first must be true or false",
}


@pytest.mark.parametrize(("query", "error"), WRONG.items())
async def test_a_parameter_that_is_wrong_is_not_passed_over(
    face: Face, query: str, error: str
) -> None:
    code, told = await face.json(f"/api/v1/queue?{query}")
    assert (code, told["error"]) == (400, error)


GOOD = ["older_than=0", "newer_than=3162240000", "oldest_first=false", "states=HELD&states=x"]


@pytest.mark.parametrize("query", GOOD)
async def test_a_parameter_at_its_ends_is_taken(face: Face, query: str) -> None:
    assert (await face.json(f"/api/v1/queue?{query}"))[0] == 503, "only the queue is missing"


NOWHERE = ["/nowhere", "/health//live", "/health/", "/static/x", "/api/v1/queue/1/x", "/%00"]


@pytest.mark.parametrize("path", NOWHERE)
async def test_an_address_that_is_none_is_told_in_a_sentence(face: Face, path: str) -> None:
    code, told = await face.json(path)
    assert (code, told["error_code"]) == (404, "not_found")
    assert "/ready" in told["error"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
@pytest.mark.parametrize("path", ["/", "/health", "/metrics", "/api/v1/queue/1"])
async def test_only_reading_is_allowed(face: Face, method: str, path: str) -> None:
    code, headers, body = await face.ask(path, method)
    assert (code, headers["allow"]) == (405, "GET, HEAD")
    assert json.loads(body)["error_code"] == "read_only"


async def test_a_defect_of_ours_is_answered_logged_and_counted(
    face: Face, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> list[dict[str, Any]]:
        raise ZeroDivisionError("ours")

    face.board.converters = broken
    code, told = await face.json("/api/v1/converters")
    assert (code, told["error_code"]) == (500, "internal")
    assert "ZeroDivisionError" in told["error"]
    assert "ZeroDivisionError: ours" in capsys.readouterr().out
    assert face.counted("pywats_errors_total", part="health", **{"class": "ZeroDivisionError"}) == 1
    assert (await face.codes())[0] == 200


# All answers


PATHS = ["/", "/health", "/ready", "/metrics", "/api/v1/status", "/api/v1/queue", "/nowhere"]


@pytest.mark.parametrize("path", PATHS)
async def test_no_answer_is_kept_or_run_by_a_browser(face: Face, path: str) -> None:
    _, headers, _ = await face.ask(path)
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "access-control-allow-origin" not in headers


async def test_requests_are_counted_by_route_and_status_and_labels_stay_few(face: Face) -> None:
    for path in ("/health", "/health", "/api/v1/queue/1", "/api/v1/queue/2", "/a", "/b", "/c?d"):
        await face.ask(path)
    await face.ask("/health", "POST")
    await face.ask("/health", "HEAD")
    counted = {
        (sample.labels["route"], sample.labels["status"]): sample.value
        for metric in face.board.metrics.registry.collect()
        for sample in metric.samples
        if sample.name == "pywats_http_requests_total"
    }
    assert counted == {
        ("/health", "200"): 3,
        ("/api/v1/queue/<item_id>", "503"): 2,
        ("unknown", "404"): 3,
        ("unknown", "405"): 1,
    }


# The dashboard


async def test_the_dashboard_is_served_only_where_it_is_wanted(face: Face) -> None:
    code, headers, body = await face.ask("/")
    assert (code, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "/api/v1/status" in body
    face.options.append(HealthOptions(dashboard=False))
    code, told = await face.json("/")
    assert code == 404
    assert "health.dashboard" in told["error"]


async def test_the_dashboard_needs_nothing_from_elsewhere(face: Face) -> None:
    _, _, body = await face.ask("/")
    assert not re.search(r"(?:https?:)?//[a-z]", body)
    assert not re.search(r"<(?:link[^>]*stylesheet|script\s+src|img|iframe|object)", body)
    assert not re.search(r"\son\w+=|\sstyle=|innerHTML|document\.write|eval\(", body)


async def test_a_browser_may_run_the_dashboard_s_own_script_and_no_other(face: Face) -> None:
    _, headers, body = await face.ask("/")
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    for tag in ("script", "style"):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>", body, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert policy[f"{tag}-src"] == f"'sha256-{digest}'"
    assert policy["connect-src"] == "'self'"
    assert policy["img-src"] == "data:"
    assert '<link rel="icon" href="data:,">' in body
    assert policy["frame-ancestors"] == "'none'"


async def test_the_dashboard_has_words_for_every_state_and_check(face: Face) -> None:
    _, _, body = await face.ask("/")
    for state in S:
        assert f"\n  {state}: " in body
    for check in CHECKS:
        assert f"{check}: " in body
