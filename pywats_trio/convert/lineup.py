"""The configured converters, each with the state of its code that the next job runs.

A converter that is a file is read once and then kept as it was, whatever the file says later: its
processes get that text. Another state comes into use by `adopt` alone (`convert.renewal`). Files
are read in threads, for they may lie on a share.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field, frozen

from pywats_trio.convert.request import Requests
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.errors import ConfigError
from pywats_trio.model import Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.outages import Outages
    from pywats_trio.converters.registry import Spec

READ_SECONDS: Final = 2.0
"""A start waits so long for the files of converters; whoever is slower comes into use later."""
READERS: Final = 8
"""Files of converters that are read at once."""


@frozen
class Edition:
    """One state of a converter's code."""

    spec: Spec
    version: str = ""
    """As its author says; empty until somebody has asked, or it has worked."""


@frozen
class Refusal:
    """A state of a converter's code that was not taken into use."""

    revision: str
    """Empty where it could not even be read."""
    why: str
    """One sentence."""
    traceback: str
    at: float
    """Seconds since the epoch."""


@frozen
class Renewals:
    """What a look at the code of some converters came to, by the converter's name."""

    accepted: Mapping[str, Edition] = field(factory=dict)
    """Those that work; also where it is the one that is in use."""
    refused: Mapping[str, Refusal] = field(factory=dict)


@define(eq=False)
class Line:
    """One configured converter, ready to be used."""

    options: ConverterOptions
    requests: Requests
    version: str = ""
    last_used: float | None = None
    """When a job of it ended; seconds since the epoch."""

    @property
    def spec(self) -> Spec:
        """Where its code is, and what it is now."""
        return self.requests.spec

    def used(self, version: str, at: float) -> None:
        """A job of it ended, of which the process said that it had this version."""
        self.version = version or self.version
        self.last_used = at


class Lineup:
    """By the converter's name. `outages` is told of those that cannot be read."""

    def __init__(self, config: Config, outages: Outages) -> None:
        self._config = config
        self._outages = outages
        self._lines: dict[str, Line] = {}
        self._options = {options.name: options for options in config.converters if options.enabled}
        self._threads = trio.CapacityLimiter(READERS)
        self._unread: set[str] = set()
        """Those whose code is still being read."""
        self.refused: dict[str, Refusal] = {}
        """Of those whose last new state was not taken into use."""

    def follow(self, former: Lineup, renewals: Renewals) -> list[str]:
        """Go on with what `former` has in use, but for `renewals`; others are read by `run`.

        Returns those whose code was not found to be good: what is known of it still holds.
        """
        same: list[str] = []
        for name, options in self._options.items():
            before = former.get(name)
            if before is None or before.options.type != options.type:
                continue
            self._lines[name] = Line(
                options, self.requests(options, before.spec), before.version, before.last_used
            )
            if name in former.refused:
                self.refused[name] = former.refused[name]
            if name not in renewals.accepted:
                same.append(name)
        self.adopt(renewals)
        return same

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Read what is not here yet; ready after `READ_SECONDS` at the latest."""
        self._unread = self._options.keys() - self._lines.keys()
        all_read = trio.Event()
        async with trio.open_nursery() as reading:
            reading.start_soon(self._read_all, all_read)
            with trio.move_on_after(READ_SECONDS):
                await all_read.wait()
            for name in self._unread:
                type_ = self._options[name].type
                self._outages.for_good(name, f"the converter {type_!r} cannot be read yet")
            task_status.started()

    async def _read_all(self, all_read: trio.Event) -> None:
        async with trio.open_nursery() as reading:
            for name in self._unread:
                reading.start_soon(self._read_one, self._options[name])
        all_read.set()

    async def _read_one(self, options: ConverterOptions) -> None:
        try:
            await self.found(options)
        except ConfigError as error:
            self._outages.for_good(options.name, str(error))
        self._unread.discard(options.name)

    async def found(self, options: ConverterOptions) -> Line:
        """The converter, read now if it was not before.

        Raises:
            ConfigError: it cannot be found or read.
        """
        if (line := self._lines.get(options.name)) is not None:
            return line
        spec = await self.read(options)
        if options.name not in self._lines:  # else it came into use meanwhile
            self._lines[options.name] = Line(options, self.requests(options, spec))
            self._outages.end(options.name)
        return self._lines[options.name]

    async def read(self, options: ConverterOptions) -> Spec:
        """Its code as it is now, in a thread; one that hangs is left behind on cancellation.

        Raises:
            ConfigError: it cannot be found or read.
        """
        return await trio.to_thread.run_sync(
            lambda: pinned(parse(options.type)), abandon_on_cancel=True, limiter=self._threads
        )

    def get(self, name: str) -> Line | None:
        """The converter `name`; None if it is not configured, not enabled, or not to be found."""
        return self._lines.get(name)

    def why_absent(self, name: str) -> Problem:
        """Why `get` has no converter of this name."""
        if any(options.name == name for options in self._config.converters):
            message = f"the converter {name!r} is not enabled"
            hint = (
                f"`pywats-trio converters enable {name}`, or enabled = true in the configuration, "
                "lets its files go on."
            )
        else:
            message = f"the converter {name!r} is not in the configuration"
            hint = "Add it, or remove the item from the queue."
        return Problem("converter", message, hint)

    def adopt(self, renewals: Renewals) -> None:
        """Have the next jobs run these states, and remember what was refused."""
        for name, edition in renewals.accepted.items():
            if (options := self._options.get(name)) is not None:
                before = self._lines.get(name)
                self._lines[name] = Line(
                    options,
                    self.requests(options, edition.spec),
                    edition.version,
                    before.last_used if before else None,
                )
                self.refused.pop(name, None)
        self.refused |= renewals.refused

    def requests(self, options: ConverterOptions, spec: Spec) -> Requests:
        """What a worker is asked about files of this converter."""
        station = self._config.station
        return Requests.of(
            spec,
            converter=options.name,
            arguments=options.arguments,
            station=Station(station.name, station.location, station.purpose),
            instance=self._config.instance,
            log_level=self._config.log.level,
            strict=options.strict,
        )
