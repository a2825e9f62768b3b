"""Each standard converter beside parsing alone and beside pyWATS's converter of its format.

    python -m benchmarks.converters [--peers PYTHON] [--rounds R] [--size MB] [--only FORMAT]
        [--big [MB]] [--json FILE]

The input of each format is made of an invented sample in `tests/data/samples`: rows are repeated in
each unit, units in the file. Where PYWATS_TRIO_SAMPLES names a folder of samples, the larger ones
of these are converted as they are, too. PYTHON is the interpreter of the environment that
`make bench-peers` makes; what it lacks is left out. The best of R runs counts; ratios are within
one run. With `--big`, files of 200 MB (or MB) go through a worker of the service into the store
instead, without anything beside them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks.converters.catalogue import INPUTS
from benchmarks.converters.contest import HEAD, Contest
from benchmarks.converters.inputs import real
from benchmarks.queue.table import Row, as_json, machine, show
from pywats_trio.converters.registry import AUTO, STANDARD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.converters.inputs import Input

BIG: Final = ("atml", "spea", "csv")
MEGABYTE: Final = 1_000_000


def chosen(only: str) -> Iterator[Input]:
    """What is converted: of each registered converter, or of the one that is named."""
    asked: set[str] = set()
    for one in INPUTS:
        if one.type in STANDARD and only in ("", one.type, one.name):
            yield one
            if one.type not in asked and (found := real(one)) is not None:
                yield found
            asked.add(one.type)


def compare(only: str, size: int, rounds: int, peers: str) -> list[Contest]:
    """Everything but big files."""
    contests = []
    for one in chosen(only):
        with tempfile.TemporaryDirectory() as folder:
            contest = Contest(one, one.make(Path(folder), size), peers)
            contest.run(rounds)
        show(contest.title, contest.rows())
        contests.append(contest)
    print(f"\n{HEAD}")
    for contest in contests:
        print(contest.line())
    return contests


def big(type_: str, size: int) -> list[Row]:
    """One large file of a format."""
    one = next(one for one in INPUTS if one.type == type_)
    with tempfile.TemporaryDirectory() as folder:
        work = one.make(Path(folder), size)
        command = [sys.executable, "-m", "benchmarks.converters.big", type_, work.jobs[0].path]
        done = subprocess.run([*command, folder], stdout=subprocess.PIPE, check=True)
    found = json.loads(done.stdout)
    if "why" in found:
        return [Row(found["why"], found["seconds"], "s")]
    reports, megabytes = found["reports"], work.size / MEGABYTE
    right = "" if reports == work.reports else f"WRONG: {work.reports:,} were written"
    written = f"{found['report_bytes'] / MEGABYTE:,.0f} MB, {found['findings']:,} findings"
    return [
        Row("size of the file", megabytes, "MB"),
        Row("conversion, the start of the worker included", found["seconds"], "s"),
        Row("    a second", megabytes / found["seconds"], "MB"),
        Row("reports", reports, remark=right or written),
        Row("memory of the worker, most", found["worker_mb"], "MB", at_most=512.0),
        Row("memory of the service's side before", found["before_mb"], "MB"),
        Row("    when all reports are there, most", found["converted_mb"], "MB"),
        Row("    when all are committed, most", found["committed_mb"], "MB"),
        Row("commit of the file with its reports", found["commit_seconds"], "s"),
    ]


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=float, default=4.0, metavar="MB")
    parser.add_argument("--only", default="", metavar="FORMAT")
    parser.add_argument("--big", type=float, nargs="?", const=200.0, metavar="MB")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.only and not any(chosen(arguments.only)):
        known = ", ".join(name for name in STANDARD if name != AUTO)
        parser.error(f"there is no format {arguments.only!r}; it can be {known}")
    print(machine())
    told: dict[str, Any]
    if arguments.big:
        answers: dict[str, list[Row]] = {}
        for type_ in BIG:
            if type_ in STANDARD and arguments.only in ("", type_):
                title = f"{type_} through a worker into the store"
                answers[title] = big(type_, round(arguments.big * MEGABYTE))
                show(title, answers[title])
        told = as_json(answers)
    else:
        size = round(arguments.size * MEGABYTE)
        contests = compare(arguments.only, size, arguments.rounds, arguments.peers)
        told = {"machine": machine(), "formats": [contest.as_json() for contest in contests]}
    if arguments.json:
        arguments.json.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
