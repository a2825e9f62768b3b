"""`python -m tests.mutations [CONVERTER ...]`: broken samples of each standard converter, or some.

A failure is told with the command that shows it again; `--keep FOLDER` writes that broken file.
`CONVERTER` is a standard id, or `id=package.module:Class` for one that is not registered yet.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Final

import structlog
import trio

from tests.mutations.specimens import subject, subjects
from tests.mutations.trials import Case, Tally, cases, laid, running, tallied

SHOWN: Final = 10
"""Failures of one kind that are told."""
SLOW: Final = 1.0
"""Seconds of processor time that are told of, though they are no failure."""
_HEAD: Final = (
    "| converter | samples | runs | converted | refused | kinds of reasons | failures | slowest "
    "| memory | took |\n|---|---|---|---|---|---|---|---|---|---|"
)


def main(arguments: list[str]) -> int:
    """The exit code: 1 if anything became of a file that must not."""
    parser = argparse.ArgumentParser(prog="tests.mutations", description=__doc__)
    parser.add_argument("converters", nargs="*", metavar="CONVERTER")
    parser.add_argument("--count", type=int, default=10_000, help="runs of each converter")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=60.0, help="seconds a file may take")
    parser.add_argument("--sample", help="of these only")
    parser.add_argument("--number", type=int, help="this one only; with --sample")
    parser.add_argument("--keep", type=Path, help="where to write the broken file of --number")
    given = parser.parse_args(arguments)
    if (given.number is None) is not (given.sample is None):
        parser.error("--sample and --number belong together")
    structlog.configure(processors=[], logger_factory=structlog.ReturnLoggerFactory())
    return trio.run(_run, given)


async def _run(given: argparse.Namespace) -> int:
    failed = 0
    _say(_HEAD)
    with tempfile.TemporaryDirectory(prefix="pywats-trio-mutations-") as place:
        async with running(Path(place), timeout_seconds=given.timeout) as pool:
            for name in given.converters or subjects():
                chosen = _chosen(name, given)
                tally, seconds = await tallied(pool, Path(place), chosen)
                _tell(name, len({case.specimen.name for case in chosen}), tally, seconds)
                failed += len(tally.failures)
    return 1 if failed else 0


def _chosen(name: str, given: argparse.Namespace) -> list[Case]:
    about = subject(name)
    if given.number is None:
        return list(cases(about, given.seed, given.count))
    case = Case(about, about.named(given.sample), given.seed, given.number)
    if given.keep is not None:
        _say(f"written: {laid(case.unit(), given.keep)}")
    return [case]


def _tell(name: str, specimens: int, tally: Tally, seconds: float) -> None:
    runs = sum(tally.ended.values())
    converted = tally.ended["Done"]
    refused = tally.ended["Rejected"] + tally.ended["Failed"]
    _say(
        f"| {name.partition('=')[0]} | {specimens} | {runs} | {converted} | {refused} "
        f"| {len(tally.reasons)} | {len(tally.failures)} | {1000 * tally.slowest:.0f} ms "
        f"| {tally.memory / 2**20:.0f} MiB | {seconds:.0f} s |"
    )
    if tally.slow is not None and tally.slowest > SLOW:
        _say(f"slow: {tally.slow.command()}")
    kinds: dict[str, int] = {}
    for failure in tally.failures:
        kind = failure.why[:40]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= SHOWN:
            _say(f"{failure.why}\n    {failure.case.command()}")
            if kinds[kind] == 1:
                _say(failure.detail)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - a command


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
