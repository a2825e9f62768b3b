"""Run by `test_preflight.py`: a user who is not root, and folders without rights."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.service import preflight
from tests.intake.without_rights import become_nobody

if TYPE_CHECKING:
    from collections.abc import Callable


class Case:
    """Sound folders, before one of them is spoilt."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.watch, self.far, self.data = (base / name for name in ("watch", "far", "data"))
        self.done = self.watch / "Done"
        self.queue = self.data / "queue.db"
        for folder in (base, self.watch, self.far, self.data, self.done):
            folder.mkdir()
        self.queue.touch()

    async def found(self) -> list[list[Any]]:
        options = ConverterOptions(
            name="one", type="wats-json", watch=self.watch, error_dir=str(self.far / "error")
        )
        findings = await preflight.examine(
            Config(data_dir=self.data, converters=(options,)), server_seconds=0
        )
        return [
            [one.severity, self._named(one.message), one.exit_code]
            for one in findings
            if one.check in {"folder", "data_dir", "converter", "user"}
        ]

    def _named(self, message: str) -> str:
        for folder in (self.watch, self.far, self.data):
            message = message.replace(str(folder), folder.name.upper())
        return message

    def give_back(self) -> None:
        for path in (self.watch, self.far, self.data, self.done, self.queue):
            path.chmod(0o700)


CASES: dict[str, Callable[[Case], None]] = {
    "sound": lambda _case: None,
    "unreadable": lambda case: case.watch.chmod(0),
    "unwritable": lambda case: case.watch.chmod(0o500),
    "done": lambda case: case.done.chmod(0o500),
    "error": lambda case: case.far.chmod(0o500),
    "data_dir": lambda case: case.data.chmod(0o500),
    "queue": lambda case: case.queue.chmod(0),
}


async def main(base: Path) -> None:
    told = {}
    for name, spoil in CASES.items():
        case = Case(base / name)
        spoil(case)
        told[name] = await case.found()
        case.give_back()
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    import os

    if os.getuid() == 0:
        with tempfile.TemporaryDirectory() as folder:
            # Imports what is imported late: the interpreter may lie where only root may read.
            trio.run(Case(Path(folder) / "warm").found)
        become_nobody()
    with tempfile.TemporaryDirectory(dir="/tmp") as work:
        trio.run(main, Path(work))
