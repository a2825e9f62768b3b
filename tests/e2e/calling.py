"""The installed command, called to its end, and what it may say of a failure."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import trio

from pywats_trio.cli.demo import SAMPLES
from tests.e2e.harness import COMMAND, PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

GOOD = SAMPLES / "good" / "minimal.json"
NOWHERE = "http://127.0.0.1:9"
Done = subprocess.CompletedProcess[bytes]


async def call(config: Path, *arguments: object) -> Done:
    """The installed command, to its end."""
    command = [*COMMAND, "--config", str(config), *map(str, arguments)]
    with trio.fail_after(PATIENCE):
        return await trio.run_process(
            command, capture_stdout=True, capture_stderr=True, check=False
        )


async def ask(config: Path, *arguments: object) -> Any:
    """What it prints with --json, when all is well."""
    done = await call(config, *arguments, "--json")
    assert (done.returncode, done.stderr) == (0, b""), done
    return json.loads(done.stdout)


def refused(done: Done, code: int, *words: str) -> None:
    """It ended with `code` and said one sentence, which holds `words`; log records aside."""
    lines = [line for line in done.stderr.decode().splitlines() if not line.startswith("{")]
    assert (done.returncode, done.stdout, len(lines)) == (code, b"", 1), done
    for word in words:
        assert word in lines[0]


def sample(folder: Path, source: Any = GOOD, name: str = "unit.json") -> Path:
    """A file outside of every watch folder."""
    file = folder / name
    file.write_bytes(source.read_bytes())
    return file
