"""What `pywats-trio demo` says: while it runs, at its end, and of what it leaves."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from attrs import define, field

from pywats_trio.cli.output import print_table, table
from pywats_trio.model import Kind, State

if TYPE_CHECKING:
    from pywats_trio.cli.demo import Demo
    from pywats_trio.cli.screen import Screen
    from pywats_trio.model import Counts, Item

DRAW_SECONDS: Final = 0.1
"""The live table is drawn no more often."""


def tell_where_to_look(showcase: Demo, reports: str, health: str, socket: str) -> None:
    """`reports` and `health` are the addresses of the two servers, `socket` of local control."""
    showcase.say("While it runs, look at")
    showcase.say(f"  reports    {reports}/")
    showcase.say(f"  dashboard  {health}/")
    showcase.say(f"  probes     {health}/health {health}/ready {health}/metrics")
    showcase.say(f"  status     PYWATS_TRIO__IPC__SOCKET={socket} pywats-trio status")


@define
class Live:
    """The table that is shown while it runs."""

    showcase: Demo
    screen: Screen
    began: float = field(factory=time.monotonic)
    drawn: float = 0.0

    def show(self, counts: Counts) -> bool:
        """Draw the table, unless that was just done; whether all is over."""
        done = self.showcase.finished(counts)
        now = time.monotonic()
        wanted = self.screen.live and not self.showcase.quiet
        if wanted and (done or now - self.drawn >= DRAW_SECONDS):
            self.drawn = now
            self.screen.draw(self._table(counts, now - self.began))
        return done

    def _table(self, counts: Counts, seconds: float) -> list[str]:
        delivered = counts.of(Kind.REPORT, State.COMPLETED)
        row = (
            f"  {counts.of(Kind.FILE, *State)} of {self.showcase.files}",
            counts.of(Kind.FILE, State.COMPLETED),
            counts.of(Kind.FILE, State.FAILED, State.QUARANTINED),
            delivered,
            f"{delivered / max(seconds, DRAW_SECONDS):.0f}",
        )
        heads = ("files taken", "converted", "refused", "reports delivered", "a second")
        return table(heads, [row])


def _reports(showcase: Demo) -> Counter[int | None]:
    """Delivered reports by the file that they came from."""
    return Counter(
        item.parent_id
        for item in showcase.items
        if item.kind is Kind.REPORT and item.state is State.COMPLETED
    )


def _files(showcase: Demo) -> list[Item]:
    files = (item for item in showcase.items if item.kind is Kind.FILE)
    return sorted(files, key=lambda item: (item.state, item.source))


def document(showcase: Demo, problems: list[str]) -> dict[str, object]:
    """What `--json` prints."""
    reports = _reports(showcase)
    items = [
        {
            "source": Path(item.source).name,
            "converter": item.converter,
            "state": item.state,
            "reports": reports[item.id],
            "last_error": item.last_error,
        }
        for item in _files(showcase)
    ]
    return {"items": items, "reports": reports.total(), "problems": problems}


def print_result(showcase: Demo, received: int) -> None:
    """A line for each sample, one for all that were generated, and the totals."""
    files, reports = _files(showcase), _reports(showcase)
    generated = [item for item in files if Path(item.source).name.startswith("unit-")]
    rows = [
        (Path(item.source).name, item.converter, _outcome(item, reports[item.id]))
        for item in files
        if not Path(item.source).name.startswith("unit-")
    ]
    if generated:
        arrived = sum(reports[item.id] for item in generated)
        rows.append(
            (f"unit-*.json ({len(generated)})", "wats-json", f"delivered: {arrived} reports")
        )
    print_table(("file", "converter", "what became of it"), rows)
    refused = sum(item.state is State.FAILED for item in files)
    click.echo(
        f"{len(files)} files: {received} reports delivered, {refused} files refused and explained"
    )


def _outcome(item: Item, reports: int) -> str:
    if item.state is State.COMPLETED:
        return f"delivered: {reports} report{'s' * (reports != 1)}"
    return f"refused: {item.last_error}"


def tell_what_is_kept(showcase: Demo) -> None:
    """How to look at what `--keep` leaves."""
    folder = showcase.folder
    showcase.say(f"Everything is kept in {folder}")
    showcase.say(f"  converted files  {folder}/drop/*/Done")
    showcase.say(f"  refused files    {folder}/drop/*/Error, each beside its .error.json")
    showcase.say(f"  log              {folder}/service.log")
    showcase.say(f"  queue            sqlite3 {folder}/data/queue.db")
    showcase.say(f"  reports          pywats-trio devserver --db {folder}/wats.db")
