"""The worker process: start inside limits, then one job after the other until the service hangs up.

Started by `convert.launch` with what `convert.command.Boot` says, and `socket` and `lifeline`, the
numbers of its two descriptors.
"""

from __future__ import annotations

import faulthandler
import math
import os
import sys
import time
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from pywats_trio.converters.api import Context
from pywats_trio.converters.arguments import ArgumentError, bind, mistakes, undeclared
from pywats_trio.errors import LoadError
from pywats_trio.priority import stand_back
from pywats_trio.sandbox.enter import enter
from pywats_trio.worker import EXIT_BROKEN, limits, residue
from pywats_trio.worker.channel import Channel
from pywats_trio.worker.conversion import (
    Request,
    Wish,
    convert,
    progress_to,
    reading,
    takes,
    trace,
)
from pywats_trio.worker.journal import Journal, logger_for
from pywats_trio.worker.load import Where, describe, load
from pywats_trio.worker.tidy import empty

if TYPE_CHECKING:
    from pywats_trio.converters.api import Converter

READY: Final = {"kind": "ready"}


def main(boot: dict[str, Any]) -> None:
    """Serve until the socket ends. Never returns into a copy that a converter forked."""
    faulthandler.enable()  # a segmentation fault says which line of the converter it was
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # what was said before a crash is evidence
    limits.die_with(boot["lifeline"])
    limits.prefer_as_victim()
    limits.yield_to_the_service()
    stand_back(boot["nice"])
    limits.adopt_orphans()
    bounds = limits.Limits(**boot["limits"]) if boot["limits"] else None
    if bounds is not None:
        limits.apply(bounds)
    if boot["boxed"]:
        enter(boot["readable"], boot["writable"], lifeline=boot["lifeline"])
    channel = Channel(boot["socket"], max_body=boot["max_body"])
    channel.put(READY)
    channel.flush()
    try:
        Worker(channel, Path(boot["scratch"]), bounds).serve()
    except BaseException:  # noqa: BLE001 - the end of the process: say why, whatever it was
        try:
            traceback.print_exc()
        finally:  # even without a standard error to print to
            # At once: an orderly exit would wait for threads that a converter left behind.
            os._exit(EXIT_BROKEN)


@define
class Worker:
    """The converters that were loaded so far, and the loop."""

    channel: Channel
    scratch: Path
    bounds: limits.Limits | None
    journal: Journal = field(init=False)
    converters: dict[Where, Converter] = field(init=False, factory=dict)
    baseline: residue.Footprint = field(init=False, factory=residue.footprint)
    """What the process held when the last converter was loaded: its import may open and start."""

    def __attrs_post_init__(self) -> None:
        self.journal = Journal(self.channel)

    def serve(self) -> None:
        """One job after the other."""
        while (job := self.channel.receive()) is not None:
            (header, body), descriptor = job
            if self.bounds is not None:
                times = limits.times(header.get("size", 0))
                limits.allow_cpu(math.ceil(times * self.bounds.cpu_seconds))
            try:
                ending = self._do(header, body, descriptor)
            finally:
                if descriptor is not None:
                    os.close(descriptor)
            self.channel.put(ending)
            self.channel.flush()
        for converter in self.converters.values():
            converter.unload()

    def _do(self, header: dict[str, Any], code: bytes, descriptor: int | None) -> dict[str, Any]:
        try:
            converter = self._converter(Where(**header["where"]), code)
            if header["do"] == "describe":
                return {"kind": "described", **describe(converter), **_judged(converter, header)}
        except BaseException as error:  # noqa: BLE001 - the import runs somebody else's code
            self.channel.end_if_forked()
            return _unusable(error)
        if descriptor is None:
            raise RuntimeError("a job came without its file")
        if header["do"] == "detect":
            return self._detect(converter, header, descriptor)
        begun = time.process_time()
        ending = self._convert(converter, header, descriptor)
        used = {"cpu": time.process_time() - begun, "peak_memory": residue.peak_memory()}
        return {**ending, **used, "doubt": self._doubt(ending)}

    def _detect(
        self, converter: Converter, header: dict[str, Any], descriptor: int
    ) -> dict[str, Any]:
        request = Request.from_header(header)
        certainty = 0.0
        try:
            if takes(converter) == request.form:
                with reading(request, descriptor) as (source, _sha256):
                    certainty = float(converter.detect(source))
        except BaseException:  # noqa: BLE001 - somebody else's code; not being able is a No
            self.channel.end_if_forked()
            certainty = 0.0
        return {"kind": "detected", "certainty": 0.0 if math.isnan(certainty) else certainty}

    def _converter(self, where: Where, code: bytes) -> Converter:
        if (converter := self.converters.get(where)) is None:
            converter = self.converters[where] = load(where, code)
            self.baseline = residue.footprint()
            self.channel.put({"kind": "loaded", "version": str(converter.version)[:100]})
            self.channel.flush()
        return converter

    def _convert(
        self, converter: Converter, header: dict[str, Any], descriptor: int
    ) -> dict[str, Any]:
        request = Request.from_header(header)
        try:
            arguments = bind(converter.arguments, request.arguments)
        except ArgumentError as error:
            return _unusable(error)
        logger = logger_for(converter.id, self.journal)
        logger.setLevel(header["log_level"])
        os.chdir(self.scratch)
        self.journal.start()
        wish = Wish()
        context = Context(
            arguments=arguments,
            station=request.station,
            logger=logger,
            scratch=self.scratch,
            report_progress=progress_to(self.channel),
            report_after=wish.say,
        )
        ending = convert(converter, request, descriptor, self.channel, context)
        self.journal.finish()
        return wish.told_with(ending)

    def _doubt(self, ending: dict[str, Any]) -> str:
        memory = self.bounds.memory_bytes if self.bounds else 0
        doubt = residue.doubt(self.baseline, memory)
        if not doubt and ending.get("type") == "MemoryError":
            doubt = "ran out of memory"
        if not doubt and not _emptied(self.scratch):
            doubt = "left files that cannot be removed"
        return doubt


def _emptied(folder: Path) -> bool:
    """Remove what a job wrote; False if something resists."""
    try:
        with os.scandir(folder) as entries:  # most jobs write nothing, and this is quick
            nothing = next(entries, None) is None
        return nothing or empty(os.fspath(folder))
    except OSError:
        return False


def _judged(converter: Converter, header: dict[str, Any]) -> dict[str, Any]:
    """What is wrong with each set of arguments, and what is worth knowing of it."""
    sets = header["arguments"]
    return {
        "mistakes": [mistakes(converter.arguments, given) for given in sets],
        "notes": [undeclared(converter.arguments, given) for given in sets],
    }


def _unusable(error: BaseException) -> dict[str, Any]:
    if isinstance(error, ArgumentError | LoadError):
        return {"kind": "unusable", "why": str(error), "traceback": ""}
    why = f"it cannot be imported: {type(error).__name__}: {error}"
    return {"kind": "unusable", "why": why[:4096], "traceback": trace(error)}
