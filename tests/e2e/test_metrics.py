"""Each metric of a service that runs, moved by its cause and read as Prometheus reads it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing
from attrs import define, field
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families

from benchmarks import data
from pywats_trio import errors, faultpoint
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.ipc.plain import PlainClient
from pywats_trio.observe.board import Cause
from pywats_trio.service import heartbeat
from tests.e2e.probing import (
    NOWHERE,
    Probed,
    gated_site,
    held_at_gate,
    locked,
    quiet_site,
    running,
    site_with,
)
from tests.e2e.site import PATIENCE, make_site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
LINE = {"converter": "line-1"}


@pytest.fixture(autouse=True)
def no_faults() -> Iterator[None]:
    yield
    faultpoint.arm("")


@define
class Scrape:
    """All samples of one scrape by name and labels."""

    samples: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(factory=dict)

    def of(self, name: str, **labels: str) -> float:
        """0 where there is no such series yet."""
        return self.samples.get((name, frozenset(labels.items())), 0.0)

    def labels(self, name: str) -> list[dict[str, str]]:
        """Of each series of this name."""
        return [dict(labels) for known, labels in self.samples if known == name]


async def scrape(it: Probed) -> Scrape:
    answer = await it.client.get("/metrics", headers={"Accept": OPENMETRICS})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    families = parser.text_string_to_metric_families(answer.text)  # type: ignore[no-untyped-call] # not typed there
    return Scrape(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }
    )


async def until_scraped(it: Probed, condition: Callable[[Scrape], bool]) -> Scrape:
    """The first scrape of which it is true: some metrics move a moment after what is logged."""
    with trio.fail_after(PATIENCE):
        while True:
            seen = await scrape(it)
            if condition(seen):
                return seen


# The path of a file


async def test_a_good_file_moves_everything_on_its_way(tmp_path: Path) -> None:
    async with open_devserver() as server, running(make_site(tmp_path, server.url)) as it:
        before = await scrape(it)
        it.site.drop_reports("run", 1)
        await until_scraped(it, lambda s: operations(s, "put_away") == 1)
        seen = await until_scraped(it, lambda s: at_rest(s) == 1)
    assert seen.of(*INTAKE, **LINE, outcome="put_away") == 1
    assert delivered(seen) == 1
    assert seen.of(*INTAKE, **LINE, outcome="accepted") == 1
    assert seen.of("pywats_converter_files_total", **LINE, outcome="converted") == 1
    assert seen.of("pywats_converter_processing_time_seconds_count", **LINE) == 1
    assert 0 < seen.of("pywats_converter_processing_time_seconds_sum", **LINE) < PATIENCE
    for operation in ("put", "claim", "finish", "put_away"):
        assert operations(seen, operation) > operations(before, operation)
    batches = "pywats_queue_commit_batch_size_count"
    assert seen.of(batches) > before.of(batches) > 0
    assert seen.of("pywats_delivery_seconds_count", server=server.url) == 1
    assert seen.of("pywats_delivery_attempts_total", server=server.url, outcome="delivered") == 1
    assert seen.of("pywats_end_to_end_seconds_count", **LINE) == 1
    assert 0 < seen.of("pywats_end_to_end_seconds_sum", **LINE) < PATIENCE
    for kind in ("file", "report"):
        assert seen.of("pywats_queue_depth", kind=kind, state="COMPLETED") == 1
    assert seen.of("pywats_worker_processes", state="idle") == 1
    assert seen.of("pywats_worker_resident_memory_bytes") > 2**20
    assert seen.labels("pywats_errors_total") == []


INTAKE = ("pywats_intake_files_total",)


def operations(seen: Scrape, operation: str) -> float:
    return seen.of("pywats_queue_operation_seconds_count", operation=operation)


def at_rest(seen: Scrape) -> float:
    return seen.of("pywats_queue_depth", kind="report", state="COMPLETED")


def delivered(seen: Scrape) -> float:
    return seen.of("pywats_reports_delivered_total", **LINE)


async def test_a_bad_file_is_counted_as_failed_and_refused(tmp_path: Path) -> None:
    async with running(make_site(tmp_path, NOWHERE)) as it:
        it.site.drop("bad.json", b"{nonsense")
        seen = await until_scraped(it, lambda s: s.of(*INTAKE, **LINE, outcome="refused") == 1)
    assert seen.of("pywats_converter_files_total", **LINE, outcome="failed") == 1
    error = {"part": "convert", "class": "rejected-file"}
    assert seen.of("pywats_errors_total", **error) == 1
    assert seen.of("pywats_queue_depth", kind="file", state="FAILED") == 1


async def test_a_file_that_is_handed_over_is_counted_as_submitted(tmp_path: Path) -> None:
    async with running(make_site(tmp_path, NOWHERE)) as it:
        file = tmp_path / "mine.json"
        file.write_bytes(data.report("mine", 1, 1000))
        await it.service.submit_file(file)
        seen = await scrape(it)
    assert seen.of(*INTAKE, **LINE, outcome="submitted") == 1


async def test_a_conversion_in_hand_is_a_busy_worker(tmp_path: Path) -> None:
    site = gated_site(tmp_path, NOWHERE)
    async with running(site) as it:
        # To begin with it is asked what it takes.
        await until_scraped(it, lambda s: s.of("pywats_worker_processes", state="busy") == 0)
        site.drop("one.txt", b"wait")
        async with held_at_gate(tmp_path):
            seen = await scrape(it)
            assert seen.of("pywats_worker_processes", state="busy") == 1
            assert seen.of("pywats_queue_depth", kind="file", state="PROCESSING") == 1
        await until_scraped(it, lambda s: s.of("pywats_worker_processes", state="idle") == 1)


async def test_the_age_of_the_oldest_is_told_while_something_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.02)
    async with open_devserver(faults=(Fault(status=503),)) as server:  # noqa: SIM117 - to be read
        async with running(make_site(tmp_path, server.url)) as it:
            await until_scraped(it, lambda s: bool(s.labels(OLDEST)))
            it.site.drop_reports("run", 1)
            await it.site.until_event("deliveries suspended")
            it.site.drop_reports("run", 2)
            seen = await until_scraped(it, lambda s: s.of(OLDEST, kind="report") > 0)
            before = seen.of(OLDEST, kind="report")
            await until_scraped(it, lambda s: s.of(OLDEST, kind="report") > before)
            server.faults.clear()
            await until_scraped(it, lambda s: s.of(OLDEST, kind="report") == 0)


OLDEST = "pywats_queue_oldest_age_seconds"


async def test_a_worker_that_dies_is_told(tmp_path: Path) -> None:
    site = gated_site(tmp_path, NOWHERE)
    async with running(site) as it:
        site.drop("deadly.txt", b"die")
        await site.until_event("file refused")
        seen = await until_scraped(it, lambda s: ended(s, "died") == 2)
    errors_of = {"part": "convert", "class": "worker-died"}
    assert seen.of("pywats_errors_total", **errors_of) == 2
    assert seen.of("pywats_converter_files_total", **LINE, outcome="quarantined") == 1
    assert seen.of("pywats_queue_depth", kind="file", state="QUARANTINED") == 1


def ended(seen: Scrape, reason: str) -> float:
    return seen.of("pywats_worker_restarts_total", reason=reason)


async def test_a_worker_that_has_done_its_share_is_told_as_recycled(tmp_path: Path) -> None:
    site = site_with(tmp_path, NOWHERE, workers={"recycle_after_jobs": 1})
    async with running(site) as it:
        site.drop_reports("run", 1, 2)
        seen = await until_scraped(it, lambda s: ended(s, "recycled") == 2)
    assert seen.labels("pywats_worker_restarts_total") == [{"reason": "recycled"}]


async def test_whatever_a_converter_raises_is_one_class(tmp_path: Path) -> None:
    site = gated_site(tmp_path, NOWHERE)
    async with running(site) as it:
        site.drop("one.txt", b"raise")
        await site.until_event("file refused")
        seen = await scrape(it)
    assert seen.labels("pywats_errors_total") == [{"part": "convert", "class": "converter-error"}]


# The server


async def test_a_server_that_fails_moves_breaker_limit_and_errors_and_back(tmp_path: Path) -> None:
    async with open_devserver(faults=(Fault(status=503),)) as server:  # noqa: SIM117 - to be read
        async with running(make_site(tmp_path, server.url)) as it:
            at = {"server": server.url}
            assert (await scrape(it)).of("pywats_delivery_concurrency_limit") > 0
            it.site.drop_reports("run", 1)
            seen = await until_scraped(it, lambda s: s.of("pywats_breaker_state", **at) == 3)
            assert seen.of("pywats_delivery_concurrency_limit") == 0
            seen = await scrape(it)
            assert seen.of("pywats_delivery_attempts_total", **at, outcome="server") >= 1
            assert seen.of("pywats_errors_total", part="deliver", **{"class": "server"}) >= 1
            server.faults.clear()
            await until_scraped(it, lambda s: delivered(s) == 1)
            seen = await until_scraped(it, lambda s: s.of("pywats_breaker_state", **at) == 0)
    assert seen.of("pywats_delivery_concurrency_limit") > 0


# The service


async def test_a_part_that_fails_is_told_with_the_class_of_its_error(tmp_path: Path) -> None:
    async with open_devserver() as server, running(make_site(tmp_path, server.url)) as it:
        faultpoint.arm("deliver.claimed=raise@1")
        it.site.drop_reports("run", 1)
        await it.site.until_delivered(1)
        seen = await until_scraped(it, lambda s: delivered(s) == 1)
    assert seen.of("pywats_service_restarts_total", part="deliver") == 1
    assert seen.of("pywats_errors_total", part="deliver", **{"class": "InjectedFault"}) == 1


async def test_a_pause_changes_state_and_intake(tmp_path: Path) -> None:
    async with open_devserver() as server, running(make_site(tmp_path, server.url)) as it:
        seen = await scrape(it)
        assert seen.of("pywats_service_state", state="running") == 1
        assert seen.of("pywats_intake_paused", cause="paused") == 0
        await it.service.pause()
        seen = await scrape(it)
        assert seen.of("pywats_service_state", state="running") == 0
        assert seen.of("pywats_service_state", state="paused") == 1
        assert seen.of("pywats_intake_paused", cause="paused") == 1


async def test_a_queue_at_its_mark_stops_the_intake(tmp_path: Path) -> None:
    site = site_with(tmp_path, NOWHERE, queue={"max_items": 1})
    async with running(site) as it:
        site.drop_reports("run", 1, 2)
        seen = await until_scraped(it, lambda s: stopped_by(s, "queue_full") == 1)
    assert stopped_by(seen, "store") == 0


def stopped_by(seen: Scrape, cause: str) -> float:
    return seen.of("pywats_intake_paused", cause=cause)


async def test_a_store_that_cannot_commit_stops_the_intake_and_is_an_error(tmp_path: Path) -> None:
    async with running(make_site(tmp_path, NOWHERE)) as it:
        faultpoint.arm("store.before_commit=raise")
        it.site.drop_reports("run", 1)
        await it.until(lambda: bool(it.service.board.held_up_by(Cause.STORE)))
        seen = await scrape(it)
        assert stopped_by(seen, "store") == 1
        assert seen.of("pywats_errors_total", part="store", **{"class": "StoreError"}) >= 1
        faultpoint.arm("")
        await it.site.until_event("file converted")
        await until_scraped(it, lambda s: stopped_by(s, "store") == 0)


async def test_operations_that_wait_for_the_disk_are_slow(tmp_path: Path) -> None:
    async with running(quiet_site(tmp_path)) as it, trio.open_nursery() as nursery:
        with locked(it.site.config.data_dir):
            nursery.start_soon(it.service.pause)
            await trio.testing.wait_all_tasks_blocked()  # it is handed to the queue
            begun = time.perf_counter()
            assert (await it.codes())[0] == 200
            waited = time.perf_counter() - begun
        await it.until(lambda: it.service.board.state == "paused")
        seen = await scrape(it)
    assert seen.of("pywats_queue_operation_seconds_count", operation="remember") == 1
    assert seen.of("pywats_queue_operation_seconds_sum", operation="remember") >= waited


async def test_a_loop_that_is_held_up_is_late(tmp_path: Path) -> None:
    held_up = 0.5
    async with running(quiet_site(tmp_path)) as it:
        before = await scrape(it)
        until = time.perf_counter() + heartbeat.TICK_SECONDS + held_up
        while time.perf_counter() < until:
            pass  # what must never be done in the event loop
        seen = await until_scraped(it, lambda s: s.of(LATE) - before.of(LATE) > 0.9 * held_up)
    assert ticks(seen) > ticks(before)


LATE = "pywats_event_loop_lag_seconds_sum"


def ticks(seen: Scrape) -> float:
    return seen.of("pywats_event_loop_lag_seconds_count")


async def test_disk_and_process_are_told_in_bytes_and_seconds(tmp_path: Path) -> None:
    async with running(quiet_site(tmp_path)) as it:
        seen = await until_scraped(it, lambda s: s.of("pywats_queue_bytes") > 0)
    assert seen.of("pywats_queue_bytes") > 4096
    assert seen.of("pywats_disk_free_bytes") > 2**20
    assert seen.of("process_resident_memory_bytes") > 2**20
    assert seen.of("process_open_fds") > 3
    assert seen.of("process_cpu_seconds_total") > 0


async def test_a_queue_that_grows_is_more_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LOOK_SECONDS", 0.02)
    async with running(quiet_site(tmp_path)) as it:
        before = await until_scraped(it, lambda s: s.of("pywats_queue_bytes") > 0)
        async with trio.open_nursery() as nursery:
            for number in range(50):
                nursery.start_soon(it.service.submit, data.report("more", number, 4000))
        more = before.of("pywats_queue_bytes") + 50 * 4000
        await until_scraped(it, lambda s: s.of("pywats_queue_bytes") > more)


# The faces


async def test_requests_of_local_control_are_counted_by_command_and_outcome(tmp_path: Path) -> None:
    async with running(quiet_site(tmp_path)) as it:
        seen = await trio.to_thread.run_sync(talk, it)
        assert seen == {"connections": 1}
        seen_now = await until_scraped(it, lambda s: s.of("pywats_ipc_connections") == 0)
    requests = "pywats_ipc_requests_total"
    assert seen_now.of(requests, command="ping", outcome="ok") == 1
    assert seen_now.of(requests, command="get_status", outcome="ok") == 1
    assert seen_now.of(requests, command="get_item", outcome="not_found") == 1
    assert {labels["command"] for labels in seen_now.labels(requests)} == {
        "ping",
        "get_status",
        "get_item",
        "unknown",
    }


def talk(it: Probed) -> dict[str, float]:
    """In a thread: a client that asks what is there and what is not."""
    with PlainClient(it.site.config.socket) as client:
        client.ask("ping", {})
        client.ask("get_status", {})
        with pytest.raises(errors.NotFoundError):
            client.ask("get_item", {"id": 999})
        for nonsense in ("x" * 50, "drop table", ""):
            with pytest.raises(errors.PywatsTrioError):
                client.ask(nonsense, {})
        seen: Scrape = trio.from_thread.run(scrape, it)
    return {"connections": seen.of("pywats_ipc_connections")}


async def test_a_client_cannot_make_series_by_asking_in_an_old_or_hasty_way(tmp_path: Path) -> None:
    site = quiet_site(tmp_path, ipc={"requests_per_minute": 2, "burst": 1})
    async with running(site) as it:
        await trio.to_thread.run_sync(hurry, it)
        seen = await scrape(it)
    commands = {labels["command"] for labels in seen.labels("pywats_ipc_requests_total")}
    assert commands == {"ping", "unknown"}


def hurry(it: Probed) -> None:
    with PlainClient(it.site.config.socket) as client:
        client.ask("ping", {})
        for number in range(5):
            with pytest.raises(errors.RateLimited):
                client.ask(f"nonsense-{number}", {})


async def test_requests_over_http_are_counted_by_route_and_status(tmp_path: Path) -> None:
    async with running(quiet_site(tmp_path)) as it:
        for path in ("/health", "/ready", "/api/v1/queue/7", "/api/v1/queue/8", "/x", "/y?z"):
            await it.client.get(path)
        await it.client.post("/health")
        seen = await scrape(it)
    counted = {
        (labels["route"], labels["status"]): seen.of("pywats_http_requests_total", **labels)
        for labels in seen.labels("pywats_http_requests_total")
    }
    assert counted == {
        ("/health", "200"): 1,
        ("/ready", "200"): 1,
        ("/api/v1/queue/<item_id>", "404"): 2,
        ("unknown", "404"): 2,
        ("unknown", "405"): 1,
    }


# The two formats


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "text/plain"),
        ("*/*", "text/plain"),
        ("text/plain", "text/plain"),
        (OPENMETRICS, "application/openmetrics-text"),
        (f"{OPENMETRICS},text/plain;version=0.0.4;q=0.5,*/*;q=0.1", "application/openmetrics-text"),
    ],
)
async def test_the_format_is_the_one_that_is_asked_for(
    tmp_path: Path, accept: str, kind: str
) -> None:
    async with running(make_site(tmp_path, NOWHERE)) as it:
        it.site.drop_reports("run", 1)
        await it.site.until_event("file converted")
        answer = await it.client.get("/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"].startswith(kind)
    parse: Any = (
        parser.text_string_to_metric_families
        if "openmetrics" in kind
        else text_string_to_metric_families
    )
    names = {family.name for family in parse(answer.text)}
    assert "pywats_queue_depth" in names
    assert not any(name.endswith("_created") for name in names)
