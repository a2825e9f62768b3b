"""`pywats-trio devserver`: a WATS-compatible sink to try things against."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from pywats_trio.devserver import DevServer


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8090,
    show_default=True,
    help="0 takes a free one.",
)
@click.option("--db", metavar="FILE", default="", help="SQLite file to keep reports in.")
@click.option("--token", default="", help="The only token to let in; by default any passes.")
@click.option(
    "--latency-ms",
    type=click.FloatRange(0, 3_600_000),
    default=0,
    metavar="N",
    help="Wait before every answer to a submit.",
)
@click.option(
    "--fail-rate",
    type=click.FloatRange(0, 1),
    metavar="R",
    help="Share of the submits that fail, 0 to 1.",
)
@click.option(
    "--status",
    type=click.IntRange(200, 599),
    metavar="CODE",
    help="What failing submits get; alone: all fail. Default: 503.",
)
@click.option("--json", "as_json", is_flag=True, help="Say where it listens as one JSON line.")
def devserver(as_json: bool, db: str, **options: Any) -> None:  # noqa: ANN401 - click's options
    """Run a WATS-compatible development server until Ctrl-C.

    It takes reports as a WATS server does, shows them on a page, and fails on demand. It is for
    trying and testing: whoever can reach the port can read and change everything.
    """
    import trio  # noqa: PLC0415 - heavy; `--help` must not wait for it

    trio.run(_run, as_json, db, options)


async def _run(as_json: bool, db: str, options: dict[str, Any]) -> None:
    import trio  # noqa: PLC0415

    from pywats_trio.devserver import Fault, open_devserver  # noqa: PLC0415

    fault = Fault(
        latency_ms=options.pop("latency_ms"),
        fail_rate=options.pop("fail_rate"),
        status=options.pop("status"),
    )
    faults = () if fault == Fault() else (fault,)
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with open_devserver(db=db or ":memory:", faults=faults, **options) as server:
            click.echo(_machine(server, db) if as_json else _words(server, db, fault.kind))
            async for _signal in signals:
                break


def _machine(server: DevServer, db: str) -> str:
    return json.dumps({"url": server.url, "db": db})


def _words(server: DevServer, db: str, fault: str) -> str:
    lines = [
        f"Development WATS server at {server.url}",
        f"  reports    {server.url}/",
        f"  submit to  {server.url}/api/Report/WSJF with any token",
        "             (Base64 of name:key, such as ZGV2OmRldg==)",
        f"  faults     POST {server.url}/api/dev/faults"
        + (" (failing by option; DELETE ends it)" if fault else ""),
        f"  kept in    {db or 'memory, until it stops'}",
        "Ctrl-C stops it.",
    ]
    return "\n".join(lines)
