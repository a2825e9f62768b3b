"""The boards of a run that has ended, and their reports."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.common import unit, words
from pywats_trio.converters.common.sequences import Sequences
from pywats_trio.converters.standard.spea import parts
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.spea.runs import Run
    from pywats_trio.reports.builder import ReportBuilder, Result

_NUMBER: Final = re.compile(r"\d{1,9}", re.ASCII)
_RESULTS: Final[dict[str, Result]] = {
    **{"NONE": "E", "ALIGN FAIL": "E"},
    **dict.fromkeys(("INTERRUPTED", "TERMINATED", "ABORTED"), "T"),
}


@frozen
class Board:
    """A board of a run; `site` is None where all rows are its own."""

    serial: str
    verdict: str
    site: str | None = None


def begun(
    run: Run, overall: str, seconds: float | None, end: Line, context: Context
) -> Iterator[ReportBuilder]:
    """The reports of its boards with all their steps; `overall` is the result that its END tells.

    Raises:
        Reject: a board has no serial number, or a result is an unknown word.
    """
    boards = list(_boards(run, overall, end))
    for board in boards:
        yield _report(run, board, seconds, end, context)


def _boards(run: Run, overall: str, line: Line) -> Iterator[Board]:
    """The boards of a run: one, or those of a panel, the first of which is that of site 1."""
    serials, results = run.once.get("SN", []), run.once.get("BOARDRESULT", [])
    if len(serials) <= 1 and len(results) <= 1:
        yield _alone(run, serials, results, overall, line)
        return
    tested = set(run.sites)
    pairs = [*enumerate(zip_longest(serials, results, fillvalue=""), 1)]
    if strange := sorted(tested - {str(site) for site, _pair in pairs}):
        raise line.refusal(f'{run.where} has rows of site "{shortened(strange[0], 60)}", no serial')
    for site, (serial, verdict) in pairs:
        if str(site) in tested or serial:
            yield Board(serial, verdict, str(site))
        elif verdict:
            run.notes.add(
                "a site of the panel without rows and serial number: no report", line.number
            )


def _alone(run: Run, serials: list[str], results: list[str], overall: str, line: Line) -> Board:
    verdict = results[0] if results else ""
    if not verdict:
        run.notes.add("no BOARDRESULT: the result of END is taken", line.number)
    elif overall and _letter(verdict) != _letter(overall):
        run.notes.add(f"END says {shortened(overall, 60)}, BOARDRESULT stands", line.number)
    if len(set(run.sites)) > 1:
        run.notes.add("rows of several sites, but one serial number: all are its", line.number)
    return Board(serials[0] if serials else "", verdict or overall)


def _letter(verdict: str) -> Result | None:
    """What a word for a result means; None where it means none."""
    word = verdict.upper()
    status = _RESULTS.get(word) or words.status(word)
    # Two comparisons: a type checker does not see through `in`.
    return None if status == "D" or status == "S" else status  # noqa: PLR1714


def result(verdict: str, line: Line) -> Result | None:
    """What the result in a line means; None for an empty one: it follows from the steps.

    Raises:
        Reject: it is an unknown word.
    """
    if verdict and _letter(verdict) is None:
        known = "PASS, FAIL, NONE and INTERRUPTED"
        raise line.refusal(f'the result "{shortened(verdict, 60)}" is none of {known}')
    return _letter(verdict)


def _report(
    run: Run, board: Board, seconds: float | None, end: Line, context: Context
) -> ReportBuilder:
    _word, folder, plan, number, product, user, _date, _time = run.cells
    where = run.where if board.site is None else f"site {board.site} of {run.where}"
    if not board.serial:
        where_empty = "SN" if board.site is None else f"place {board.site} of SN"
        where = f"{where}, {where_empty} empty,"
    outcome = result(board.verdict, end)
    if outcome is None:
        run.notes.add("no result: it follows from the rows", run.start.number)
    is_number = _NUMBER.fullmatch(number) is not None
    prefix = context.arguments["station_prefix"]
    mine = [site for site in run.sites if board.site in (None, site)]
    builder = unit.begin(
        context,
        where,
        serial_number=board.serial,
        part_number=product,
        start=run.began,
        result=outcome,
        operator=user,
        seconds=seconds,
        batch=";".join(run.once.get("LOT", [])),
        socket=_socket(mine),
        station=f"{prefix}{number}" if prefix and is_number else "",
        sequence="/".join(filter(None, (folder, plan))),
        version="" if is_number else number,
    )
    if number and is_number and not prefix:
        builder.misc("START number", number)
    if panel := run.once.get("PANEL"):
        builder.misc("Panel", ";".join(panel))
    _steps(run, board, builder, context.arguments["group_by"])
    run.notes.tell(builder)
    return builder


def _socket(sites: Iterable[str]) -> int | None:
    """The site of all of its rows."""
    distinct = set(sites)
    site = distinct.pop() if len(distinct) == 1 else ""
    return int(site) if _NUMBER.fullmatch(site) else None


def _steps(run: Run, board: Board, builder: ReportBuilder, group_by: str) -> None:
    sequences = Sequences(builder.root)
    for step, site, task in zip(run.steps, run.sites, run.tasks, strict=True):
        if board.site in (None, site):
            group = {"component": parts.kind(task), "task": task}.get(group_by, "")
            sequences.at(*([group] if group else [])).add(step)
