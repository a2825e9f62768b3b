"""An open log on a temporary folder, and its lines."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from pywats_trio.config.options import LogOptions
from pywats_trio.observe.log import Log, configure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "c2VjcmV0OnRva2Vu"


class Opened:
    """A log, its file and what it wrote to the stream; `lines` closes it first."""

    def __init__(self, log: Log, stream: io.StringIO) -> None:
        self.log = log
        self.stream = stream

    def lines(self) -> list[dict[str, Any]]:
        self.log.close()
        return [json.loads(line) for line in self.log.file.read_text("utf-8").splitlines()]

    def shown(self) -> str:
        self.log.close()
        return self.stream.getvalue()


class Opener:
    """Opens logs and closes them at the end of the test."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.opened: list[Opened] = []

    def __call__(self, options: LogOptions | None = None, *, terminal: bool = False) -> Opened:
        stream = io.StringIO()
        log = configure(
            options or LogOptions(),
            instance="line-3",
            data_dir=self.folder,
            terminal=terminal,
            secrets=[TOKEN],
            stream=stream,
        )
        self.opened.append(Opened(log, stream))
        return self.opened[-1]


@pytest.fixture
def open_log(tmp_path: Path) -> Iterator[Opener]:
    opener = Opener(tmp_path)
    yield opener
    for opened in reversed(opener.opened):
        opened.log.close()
