"""What the queue costs, each figure beside its aim.

    python -m benchmarks.queue [--quick] [--only QUESTION] [--rounds R] [--json FILE]

Figures of one question are measured in turn, so that they share what the machine does at that
time. Commits are synced (`synchronous=full`) everywhere. `--quick` asks all questions with a
hundredth of the items, to see that they can be asked.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

from benchmarks.queue import lifecycle, listing, operations, size
from benchmarks.queue.fill import Databases
from benchmarks.queue.table import Row, as_json, machine, show

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 100_000, 1_000_000)
QUICK = (100, 1_000, 10_000)


@frozen
class Question:
    """What is asked, and how."""

    title: str
    ask: Callable[[Path, Databases], list[Row]]


def questions(sizes: tuple[int, ...], rounds: int) -> dict[str, Question]:
    """By their names."""
    return {
        "lifecycle": Question(
            "Lifecycles (put, claim, finish) of reports of 6,000 bytes",
            lambda folder, _databases: lifecycle.measure(folder, rounds),
        ),
        "size": Question(
            "Cost against the number of waiting items", lambda _f, made: size.measure(made, sizes)
        ),
        "listing": Question(
            f"`queue ls` of a running service with {sizes[-1]:,} items",
            lambda folder, made: listing.measure(folder, made, sizes[-1]),
        ),
        "operations": Question(
            "Operations by a second process while 200 files a second flow",
            operations.measure,
        ),
    }


def main() -> None:
    """Measure and print; a table for people, JSON for machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", metavar="QUESTION")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    asked = questions(QUICK if options.quick else SIZES, options.rounds)
    print(machine())
    answers = {}
    # Beside the checkout and not in a folder that may be memory: a sync must reach a disk.
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as name:
        folder = Path(name).resolve()
        databases = Databases(folder)
        for one in options.only or asked:
            question = asked[one]
            rows = question.ask(folder / one, databases)
            show(question.title, rows)
            answers[question.title] = rows
    if options.json:
        options.json.write_text(json.dumps(as_json(answers), indent=1))


if __name__ == "__main__":
    main()
