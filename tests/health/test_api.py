"""Queue and history over HTTP, of a service that runs."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import psutil
import pytest
import trio
import trio.testing
from attrs import define

from pywats_trio.commands import shapes
from pywats_trio.health import api, stream
from pywats_trio.service.service import EMBEDDER
from tests.e2e.probing import locked, quiet_site
from tests.e2e.site import PATIENCE, Site, recorded
from tests.health.sse import admitted, events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.service.service import Service

REPORTS = 3


@define
class Up:
    site: Site
    service: Service
    client: httpx.AsyncClient

    @property
    def url(self) -> str:
        return self.service.board.health_url

    async def json(self, path: str, code: int = 200) -> dict[str, Any]:
        response = await self.client.get(path)
        assert response.status_code == code, response.text
        told: dict[str, Any] = response.json()
        return told


@contextlib.asynccontextmanager
async def up(base: Path, **health: Any) -> AsyncIterator[Up]:
    """A service without its server: three files are converted, their reports wait."""
    site = quiet_site(base, health=health)
    with recorded(site):
        async with site.running() as service:
            site.drop_reports("run", *range(REPORTS))
            await until_history(service, "put away", REPORTS)
            async with httpx.AsyncClient(base_url=service.board.health_url, timeout=20) as client:
                yield Up(site, service, client)


async def until_history(service: Service, event: str, times: int) -> None:
    """Until the history has so many of these."""
    with trio.fail_after(PATIENCE):
        async for told in service.events(0):
            times -= told.event == event
            if not times:
                return


# The queue


async def test_the_queue_is_listed_with_the_fields_of_an_item(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        listed = await it.json("/api/v1/queue")
        items = await it.service.items()
        assert listed == {"items": [shapes.item(item) for item in items[::-1]], "next": None}
    assert len(items) == 2 * REPORTS


@pytest.mark.parametrize("order", ["", "&oldest_first=true"])
async def test_the_queue_is_read_page_by_page(tmp_path: Path, order: str) -> None:
    async with up(tmp_path) as it:
        ids: list[int] = []
        sizes: list[int] = []
        after = ""
        while True:
            page = await it.json(f"/api/v1/queue?limit=4{order}{after}")
            ids += [item["id"] for item in page["items"]]
            sizes.append(len(page["items"]))
            if page["next"] is None:
                break
            after = f"&after={page['next']}"
        assert sorted(ids, reverse=not order) == ids
        assert sorted(ids) == [item.id for item in await it.service.items()]
        assert sizes == [4, 2]


async def test_the_queue_is_filtered_as_over_local_control(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        for query, args in QUERIES.items():
            told = await it.json(f"/api/v1/queue?{query}")
            assert told == await it.service.control.ask("get_queue", args, EMBEDDER)
            assert len(told["items"]) == (REPORTS if "file" in query else 0)
        told = await it.json("/api/v1/queue?kind=files", 400)
    assert told["error"].endswith("did you mean 'file'?")


QUERIES: dict[str, dict[str, Any]] = {
    "kind=file": {"kind": "file"},
    "kind=file&states=COMPLETED&states=HELD": {"kind": "file", "states": ["COMPLETED", "HELD"]},
    "reason=retry": {"reason": "retry"},
    "converter=x": {"converter": "x"},
    "error_class=x": {"error_class": "x"},
    "serial_number=x%20y": {"serial_number": "x y"},
    "text=%25": {"text": "%"},
    "older_than=1e3": {"older_than": 1000},
    "kind=file&newer_than=1000.5": {"kind": "file", "newer_than": 1000.5},
}


@pytest.mark.parametrize(("limit", "more"), [(5, True), (6, False), (7, False)])
async def test_next_is_null_when_no_more_is_behind(tmp_path: Path, limit: int, more: bool) -> None:
    async with up(tmp_path) as it:
        page = await it.json(f"/api/v1/queue?limit={limit}")
    assert len(page["items"]) == min(limit, 6)
    assert page["next"] == (page["items"][-1]["id"] if more else None)


async def test_a_file_is_told_with_its_reports(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        [file, *_] = [item for item in await it.service.items() if item.kind == "file"]
        told = await it.json(f"/api/v1/queue/{file.id}")
        args = {"id": file.id}
        assert told == await it.service.control.ask("get_item", args, EMBEDDER)
    assert told["history"][0]["event"] == "accepted"
    assert told["payload"] is None, "whoever reaches the probes reads no reports"
    assert [report["parent_id"] for report in told["reports"]] == [file.id]
    assert told["delivered"] is False


async def test_an_item_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        told = await it.json("/api/v1/queue/999", 404)
    assert told == {"error": "there is no item 999 in the queue", "error_code": "not_found"}


async def test_a_name_of_any_bytes_is_told_in_valid_json(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        it.site.drop('a "quoted"\nname \udcff.json', b"{}")
        await until_history(it.service, "put away", REPORTS + 1)
        listed = await it.json("/api/v1/queue")
    source = listed["items"][0]["source"]
    assert source.isprintable()
    assert "quoted" in source


async def test_a_queue_that_does_not_answer_is_told_and_frees_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "READ_SECONDS", 0.0)
    async with up(tmp_path) as it:
        response = await it.client.get("/api/v1/queue")
        assert response.status_code == 503
        assert response.headers["Retry-After"] == "1"
        assert response.json()["error_code"] == "timeout"


# The history


async def all_events(it: Up) -> list[dict[str, Any]]:
    session = it.service.events(0)
    [(last,)] = it.site.rows("SELECT max(seq) FROM history")
    found = []
    async for event in session:
        found.append(shapes.event(event))
        if event.seq == last:
            break
    return found


@pytest.mark.parametrize("since", [0, 4])
async def test_a_stream_goes_on_behind_a_number(tmp_path: Path, since: int) -> None:
    async with up(tmp_path) as it:
        wanted = [event for event in await all_events(it) if event["seq"] > since]
        async with events(it.url, f"?since={since}") as lines:
            assert [await lines.event() for _ in wanted] == wanted
    assert len(wanted) > 10


async def test_a_stream_is_resumed_by_the_last_id_whatever_its_address_says(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        async with events(it.url, "?since=0") as lines:
            first = [await lines.event() for _ in range(5)]
        last = {"Last-Event-ID": str(first[-1]["seq"])}
        async with events(it.url, "?since=0", **last) as lines:
            rest = [await lines.event() for _ in range(5)]
        assert first + rest == (await all_events(it))[:10]


async def test_without_a_number_a_stream_has_only_what_is_new(tmp_path: Path) -> None:
    async with up(tmp_path) as it, events(it.url) as lines:
        [(last,)] = it.site.rows("SELECT max(seq) FROM history")
        await it.service.pause()
        told = await lines.event()
    assert told["seq"] > last
    assert (told["event"], told["detail"]["state"]) == ("service state", "paused")


async def test_a_quiet_stream_says_now_and_then_that_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.02)
    async with up(tmp_path) as it, events(it.url) as lines:
        assert [await lines.until_blank() for _ in range(3)] == [[": still here"]] * 3


async def test_heartbeats_lose_no_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with up(tmp_path) as it:
        wanted = [f"id: {event['seq']}" for event in await all_events(it)]
        monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 0.002)  # many a look is cut off
        got: list[str] = []
        async with events(it.url, "?since=0") as lines:
            while len(got) < len(wanted):
                got += [line for line in await lines.until_blank() if line.startswith("id")]
    assert got == wanted


async def test_streams_leave_half_of_the_connections_to_the_probes(tmp_path: Path) -> None:
    async with up(tmp_path, max_connections=5) as it, events(it.url), events(it.url):
        told = await it.json("/api/v1/events", 503)
        assert told["error_code"] == "not_ready"
        assert "health.max_connections" in told["error"]
        assert (await it.client.get("/health")).status_code == 200


async def test_one_stream_is_allowed_where_there_is_one_connection(tmp_path: Path) -> None:
    async with up(tmp_path, max_connections=1) as it, events(it.url):
        await it.service.pause()


async def test_streams_that_were_closed_make_room_for_the_next(tmp_path: Path) -> None:
    async with up(tmp_path, max_connections=2) as it:
        for _ in range(5):
            async with admitted(it.url):
                assert (await it.client.get("/api/v1/events")).status_code == 503


async def test_a_stream_ends_with_the_service_and_tells_of_its_end(tmp_path: Path) -> None:
    async with up(tmp_path) as it, events(it.url) as lines:
        it.service.stop("the test is over")
        assert (await lines.event())["detail"]["state"] == "draining"
        assert await lines.until_blank() == []
        assert await lines.next() is None


# Connections


async def test_head_has_the_headers_of_get_and_no_body_on_a_connection_that_is_kept(
    tmp_path: Path,
) -> None:
    paths = ["/", "/health", "/ready", "/api/v1/queue", "/api/v1/events", "/metrics", "/nowhere"]
    async with up(tmp_path) as it:
        for path in paths:
            head = await it.client.head(path)
            assert head.content == b""
            if path not in {"/health", "/metrics", "/api/v1/events"}:  # of another length each time
                get = await it.client.get(path)
                assert (get.status_code, get.headers["content-length"]) == (
                    head.status_code,
                    head.headers["content-length"],
                )
            assert head.headers["content-type"]
        mine = connections_from(it)
    assert mine == 1


def connections_from(it: Up) -> int:
    """How many connections to the service are open in this process, seen from its clients' side."""
    port = it.client.base_url.port
    found = psutil.Process().net_connections("tcp")
    return sum(
        connection.raddr.port == port
        for connection in found
        if connection.status == psutil.CONN_ESTABLISHED
    )


async def test_three_hundred_requests_leave_no_descriptor_behind(tmp_path: Path) -> None:
    paths = ["/health", "/ready", "/metrics", "/api/v1/status", "/api/v1/queue", "/nowhere"]
    async with up(tmp_path) as it:
        await many(it, paths)
        before = await descriptors()
        for _ in range(50):
            await many(it, paths)
        assert await descriptors() == before
        assert it.service.board.resources.descriptors() == before


async def descriptors() -> int:
    """Once both sides have closed what they were about to close."""
    await trio.testing.wait_all_tasks_blocked(0.05)
    return psutil.Process().num_fds()


async def many(it: Up, paths: list[str]) -> None:
    """Each path on a connection of its own, which is closed."""
    async with httpx.AsyncClient(base_url=it.client.base_url) as client, trio.open_nursery() as n:
        for path in paths:
            n.start_soon(partial(client.get, path, headers={"Connection": "close"}))


async def test_the_database_may_be_locked_by_somebody_else_meanwhile(tmp_path: Path) -> None:
    async with up(tmp_path) as it:
        with locked(it.site.config.data_dir):
            listed = await it.json("/api/v1/queue")
    assert len(listed["items"]) == 2 * REPORTS
