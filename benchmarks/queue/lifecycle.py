"""Lifecycles a second: put, claim, finish, each awaited by its caller until it is synced."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Final

import trio

from benchmarks import data
from benchmarks.queue.bare import Rate, apsw_rows, log
from benchmarks.queue.table import Row
from pywats_trio.model import Delivered, Envelope, Kind
from pywats_trio.queue.sqlite_store import open_store

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.queue.store import Store

SIZE: Final = 6000
CALLERS: Final = {1: 500, 8: 2_000, 64: 6_400}
"""How many at a time, and how many lifecycles they do together."""
AT_ONCE: Final = 64
"""Rows that bare APSW writes in one transaction."""


def measure(folder: Path, rounds: int) -> list[Row]:
    """Everything in turn, `rounds` times; medians. Ratios are within a round."""
    payload = data.report("lifecycle", 1, SIZE)
    rates: dict[str, list[Rate]] = {}
    for number in range(rounds):
        here = folder / str(number)
        here.mkdir(parents=True)
        for name, rate in _round(here, payload).items():
            rates.setdefault(name, []).append(rate)
    rows = [
        Row(name, _median(found), "a second", remark=_syncs(found[0]))
        for name, found in rates.items()
    ]
    return [
        *rows,
        Row("64 callers to bare APSW", _ratio(rates, _ours(64), _bare(AT_ONCE)), at_least=0.6),
        Row("1 caller to the log", _ratio(rates, _ours(1), LOG), at_least=0.5),
        Row("1 caller to bare APSW, one by one", _ratio(rates, _ours(1), _bare(1))),
    ]


LOG: Final = "append and fdatasync, three times each"


def _ours(callers: int) -> str:
    return f"ours, {callers} caller{'s' if callers > 1 else ''}"


def _bare(at_once: int) -> str:
    return f"bare APSW, {at_once} in a transaction"


def _round(folder: Path, payload: bytes) -> dict[str, Rate]:
    found = {}
    for callers, count in CALLERS.items():
        path = folder / f"ours-{callers}.db"
        found[_ours(callers)] = trio.run(ours, path, payload, count, callers)
    for at_once, count in ((1, CALLERS[1]), (AT_ONCE, CALLERS[64])):
        found[_bare(at_once)] = apsw_rows(folder / f"bare-{at_once}.db", payload, count, at_once)
    found[LOG] = log(folder / "log", payload, CALLERS[1])
    return found


async def ours(path: Path, payload: bytes, count: int, callers: int) -> Rate:
    """`count` lifecycles through the public interface, by `callers` tasks side by side."""
    async with open_store(path) as store:
        before = store.statistics.commits
        begun = time.perf_counter()
        async with trio.open_nursery() as nursery:
            for first in range(callers):
                nursery.start_soon(caller, store, payload, range(first, count, callers))
        seconds = time.perf_counter() - begun
        return Rate(count, seconds, store.statistics.commits - before)


async def caller(store: Store, payload: bytes, numbers: range) -> None:
    """One lifecycle after the other; whose item it claims is whichever comes first."""
    for number in numbers:
        await store.put([report(number, payload)])
        [claim] = await store.claim(Kind.REPORT, 1, "pump")
        await store.finish(claim, Delivered("thanks"))


def report(number: int, payload: bytes, converter: str = "ict") -> Envelope:
    """A report on its way into the queue."""
    return Envelope(
        Kind.REPORT,
        converter,
        "/in/a.txt",
        payload=payload,
        report_id=f"{number:036d}",
        serial_number=f"SN{number}",
        part_number="PN",
        result="P",
        start="2026-01-02T03:04:05Z",
    )


def _median(rates: list[Rate]) -> float:
    return statistics.median(rate.per_second for rate in rates)


def _ratio(rates: dict[str, list[Rate]], one: str, other: str) -> float:
    pairs = zip(rates[one], rates[other], strict=True)
    return statistics.median(mine.per_second / theirs.per_second for mine, theirs in pairs)


def _syncs(rate: Rate) -> str:
    return f"{rate.syncs / rate.lifecycles:.2f} syncs each"
