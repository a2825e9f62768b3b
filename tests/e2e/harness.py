"""The installed command as a user runs it: a process, its log, its folder and its end."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

COMMAND = (str(Path(sys.executable).with_name("pywats-trio")),)
PATIENCE = 30.0
"""Seconds until a test gives up on an event; no test waits this long when all is well."""
TOLD = 20
"""Log records that a failed wait shows."""

Record = dict[str, Any]


def write_config(folder: Path, url: str, *, text: str = "", **tables: Mapping[str, object]) -> Path:
    """A configuration with one `wats-json` folder `drop`; `tables` override or add keys."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "drop").mkdir(exist_ok=True)
    merged: dict[str, dict[str, object]] = {
        "server": {"url": url, "token": "dGVzdDp0ZXN0", "requests_per_minute": 0},
        "retry": {"base_seconds": 0.01, "max_seconds": 0.1},
        "workers": {"max": 2},
        "log": {"format": "json", "level": "debug"},
        "health": {"port": 0},
        "ipc": {"socket": str(folder / "ipc.sock")},
    }
    for name, table in tables.items():
        merged.setdefault(name, {}).update(table)
    converter = {
        "name": "line-1",
        "type": "wats-json",
        "watch": str(folder / "drop"),
        "settle_seconds": 0.02,
        **merged.pop("converter", {}),
    }
    lines = [f"data_dir = {json.dumps(str(folder / 'data'))}"]
    for name, table in merged.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    lines += [
        "[[converters]]",
        *(f"{key} = {json.dumps(value)}" for key, value in converter.items()),
    ]
    config = folder / "config.toml"
    config.write_text("\n".join(lines) + "\n" + text)
    return config


class Daemon:
    """A running `pywats-trio run`; `log` grows as it writes."""

    def __init__(self, process: trio.Process, folder: Path) -> None:
        self.process = process
        self.folder = folder
        """Where `write_config` put everything."""
        self.log: list[Record] = []
        self.other_output: list[str] = []
        self.ended = trio.Event()
        """The process is gone, and all that it wrote is in `log` and `other_output`."""
        self._grown = trio.Event()

    @property
    def health(self) -> str:
        """Where the probes are, such as `http://127.0.0.1:8080`; they are there once it runs."""
        return (self.folder / "data" / "health.addr").read_text().strip()

    @property
    def socket(self) -> Path:
        """Where local control is."""
        return self.folder / "ipc.sock"

    async def read_log(self) -> None:
        """Take its standard error apart, line by line, until it ends."""
        assert self.process.stderr is not None
        rest = b""
        async for chunk in self.process.stderr:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line.decode("utf-8", "replace"))
            self._wake()
        await self.process.wait()
        self.ended.set()
        self._wake()

    def _take(self, line: str) -> None:
        try:
            self.log.append(json.loads(line))
        except ValueError:
            self.other_output.append(line)

    def _wake(self) -> None:
        self._grown.set()
        self._grown = trio.Event()

    def events(self, event: str) -> list[Record]:
        """The log records of one kind so far."""
        return [record for record in self.log if record.get("event") == event]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until `condition` holds; looked at whenever the log has grown, and at its end."""
        with trio.move_on_after(PATIENCE) as scope:
            while not condition():
                if self.ended.is_set():
                    raise AssertionError(f"it ended too early; {self._told()}")
                await self._grown.wait()
        if scope.cancelled_caught:
            raise AssertionError(f"waited {PATIENCE:.0f} s; {self._told()}")

    def _told(self) -> str:
        tail = [json.dumps(record) for record in self.log[-TOLD:]] + self.other_output[-TOLD:]
        return "\n".join([f"exit code {self.process.returncode}; the log ends with", *tail])

    async def until_event(self, event: str, count: int = 1) -> list[Record]:
        """Until `event` was logged `count` times."""
        await self.until(lambda: len(self.events(event)) >= count)
        return self.events(event)

    async def until_lines(self, count: int) -> None:
        """Until the log has `count` records."""
        await self.until(lambda: len(self.log) >= count)

    async def until_either(self, what: Callable[[], Awaitable[object]]) -> bool:
        """Until `what` is over (True) or the process has ended (False)."""
        reached = False
        with trio.move_on_after(PATIENCE) as patience:
            async with trio.open_nursery() as nursery:

                async def wait_for_end() -> None:
                    await self.ended.wait()
                    nursery.cancel_scope.cancel()

                nursery.start_soon(wait_for_end)
                await what()
                reached = True
                nursery.cancel_scope.cancel()
        if patience.cancelled_caught:
            raise AssertionError(f"waited {PATIENCE:.0f} s; {self._told()}")
        return reached

    async def until_true(self, what: Callable[[], Awaitable[object]]) -> None:
        """Until `what` is over; fails at once if the process ends before."""
        if not await self.until_either(what):
            raise AssertionError(f"it ended too early; {self._told()}")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """A signal, and the exit code."""
        self.process.send_signal(number)
        return await self.end()

    async def end(self) -> int:
        """Its exit code, once it has ended."""
        with trio.move_on_after(PATIENCE):
            await self.ended.wait()
        if self.process.returncode is None:
            raise AssertionError(f"it does not end; {self._told()}")
        return self.process.returncode


@contextlib.asynccontextmanager
async def daemon(
    config: Path,
    *,
    environment: Mapping[str, str] | None = None,
    ready: bool = True,
    under: Sequence[str] = (),
) -> AsyncIterator[Daemon]:
    """The command on `config`; killed, if it still runs, when the block is left.

    `ready`: only once it runs, or has ended. `under`: what stands before the command, such as
    `strace` with its options; it must run the command as this very process.
    """
    process = await trio.lowlevel.open_process(
        [*under, *COMMAND, "--config", str(config), "run"],
        stderr=-1,
        env={**os.environ, **(environment or {})},
    )
    running = Daemon(process, config.parent)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(running.read_log)
            try:
                if ready:
                    await running.until(
                        lambda: bool(running.events("running")) or running.ended.is_set()
                    )
                yield running
            finally:
                process.kill()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 10):
                    await process.wait()
    finally:
        if process.stderr is not None:
            await process.stderr.aclose()
