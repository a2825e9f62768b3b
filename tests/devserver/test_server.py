"""Starting, stopping, keeping; the journal; the command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest
import trio
from click.testing import CliRunner

from pywats_trio.cli.devserver import devserver
from pywats_trio.devserver import DevServer, open_devserver
from pywats_trio.devserver.journal import Journal
from pywats_trio.errors import StartError
from tests.devserver.conftest import TOKEN, wsjf

if TYPE_CHECKING:
    from pathlib import Path


async def submit(url: str, report: dict[str, object]) -> int:
    async with httpx.AsyncClient(headers=TOKEN) as client:
        return (await client.post(f"{url}/api/Report/WSJF", json=report)).status_code


async def test_reports_in_a_file_outlive_the_server(tmp_path: Path) -> None:
    file, report = str(tmp_path / "wats.db"), wsjf()
    async with open_devserver(db=file) as server:
        await submit(server.url, report)
    async with open_devserver(db=file) as server:
        assert [record.id for record in await server.received()] == [report["id"]]
        await submit(server.url, report)
        assert (await server.totals()).repeats == 1


async def test_it_runs_as_a_part_in_a_nursery(nursery: trio.Nursery) -> None:
    server = DevServer()
    await nursery.start(server.run)
    assert await submit(server.url, wsjf()) == 200


async def test_an_occupied_port_is_one_plain_error() -> None:
    async with open_devserver() as server:
        port = int(server.url.rsplit(":", 1)[1])
        with pytest.raises(StartError, match=f"port {port} on 127.0.0.1 is in use"):
            async with open_devserver(port=port):
                pass
        with pytest.raises(StartError, match="is in use"):
            await DevServer(port=port).run()


async def test_a_database_that_is_none_is_one_plain_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "text.db"):
        (tmp_path / "text.db").write_text("no database, but long enough to look like a page" * 50)
        with pytest.raises(StartError, match="as the development server's database"):
            async with open_devserver(db=str(path)):
                pass


async def test_two_servers_in_one_process_do_not_know_each_other() -> None:
    async with open_devserver() as one, open_devserver() as other:
        await submit(one.url, wsjf())
        assert [(await s.totals()).reports for s in (one, other)] == [1, 0]


async def test_the_body_of_an_unknown_report_is_none(server: DevServer) -> None:
    assert await server.body("00000000-0000-0000-0000-000000000000") is None


async def test_parallel_submits_are_all_stored_once(server: DevServer) -> None:
    reports = [wsjf() for _ in range(20)]
    async with httpx.AsyncClient(base_url=server.url, headers=TOKEN) as client:

        async def send(report: dict[str, object]) -> None:
            assert (await client.post("/api/Report/WSJF", json=report)).status_code == 200

        async with trio.open_nursery() as nursery:
            for report in reports:
                nursery.start_soon(send, report)
    assert {record.id for record in await server.received()} == {r["id"] for r in reports}
    assert (await server.totals()).repeats == 0


async def test_the_journal_shows_each_submit_with_its_status(
    server: DevServer, client: httpx.AsyncClient
) -> None:
    good, bad = wsjf(), wsjf(result="X")
    for report in (good, good, bad):
        await client.post("/api/Report/WSJF", json=report)
    await client.post("/api/Report/WSJF", content=b"{")
    listed = (await client.get("/api/dev/requests")).json()
    assert listed["submits"] == 4
    seen = [(item["id"], item["serial"], item["status"]) for item in reversed(listed["items"])]
    assert seen == [
        (good["id"], "SN-1", 200),
        (good["id"], "SN-1", 200),
        (bad["id"], "SN-1", 400),
        ("", "", 400),
    ]
    assert server.journal.sends()[good["id"]] == 2


def test_the_journal_keeps_the_last_ones_and_counts_all() -> None:
    journal = Journal(kept=3)
    for second in range(4):
        journal.arrived(float(second), "WSJF")
    assert [entry.time for entry in journal.entries] == [1.0, 2.0, 3.0]
    assert journal.submits == 4


async def test_waiting_ends_when_it_is_reached(server: DevServer, nursery: trio.Nursery) -> None:
    nursery.start_soon(submit, server.url, wsjf())
    with trio.fail_after(5):
        await server.wait_until(lambda s: any(e.status == 200 for e in s.journal.entries))


COMMAND = [sys.executable, "-c", "from pywats_trio.cli.devserver import devserver; devserver()"]


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_serves_until_a_signal_and_exits_0(
    stop: signal.Signals, tmp_path: Path
) -> None:
    options = ["--port", "0", "--json", "--status", "418", "--db", str(tmp_path / "wats.db")]
    process = await trio.lowlevel.open_process(
        [*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with trio.fail_after(20):
        assert process.stdout is not None
        assert process.stderr is not None
        line = bytes(await process.stdout.receive_some())
        assert await submit(json.loads(line)["url"], wsjf()) == 418
        process.send_signal(stop)
        assert await process.wait() == 0
        assert await process.stderr.receive_some() == b""
        await process.stdout.aclose()
        await process.stderr.aclose()


async def test_the_command_says_where_to_look() -> None:
    process = await trio.lowlevel.open_process(
        [*COMMAND, "--port", "0", "--fail-rate", "0"], stdout=subprocess.PIPE
    )
    with trio.fail_after(20):
        assert process.stdout is not None
        words = b""
        while b"Ctrl-C" not in words:
            words += await process.stdout.receive_some()
        process.terminate()
        assert await process.wait() == 0
        await process.stdout.aclose()
    assert b"http://127.0.0.1:" in words
    assert b"failing by option" in words


async def test_the_command_passes_a_start_error_on_in_no_group() -> None:
    async with open_devserver() as server:
        port = server.url.rsplit(":", 1)[1]
        run = await trio.run_process(
            [*COMMAND, "--port", port], capture_stdout=True, capture_stderr=True, check=False
        )
    assert run.returncode != 0
    last = run.stderr.decode().splitlines()[-1]
    assert f"StartError: port {port} on 127.0.0.1 is in use" in last
    assert "Group" not in last
    assert run.stdout == b""


@pytest.mark.parametrize(
    ("option", "value"),
    [("--port", "65536"), ("--fail-rate", "1.1"), ("--status", "600"), ("--latency-ms", "-1")],
)
def test_an_option_out_of_range_is_a_usage_error(option: str, value: str) -> None:
    run = CliRunner().invoke(devserver, [option, value])
    assert run.exit_code == 2
    assert option in run.output
