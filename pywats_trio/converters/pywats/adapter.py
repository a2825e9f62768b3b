"""A class of pyWATS as a `Converter`: `adapt` and the life cycle of one conversion.

load, on_load, validate, convert, check the reports, on_success or on_failure: what pyWATS's
documentation promises to a class. Its own pool calls `convert` only.
"""

from __future__ import annotations

import json
import re
import tempfile
import traceback
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pywats_trio.converters.api import Context, Converter, Reject, Retry, Source, Station
from pywats_trio.converters.pywats import outcome
from pywats_trio.converters.pywats.calls import (
    BaseGeneration,
    Call,
    FileGeneration,
    Generation,
    Job,
)
from pywats_trio.converters.pywats.doors import Names, names
from pywats_trio.converters.pywats.room import heard, laid_out
from pywats_trio.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable
    from logging import Logger

    from pywats_trio.converters.pywats.shims import ConverterResult
    from pywats_trio.reports.report import Report


def adapt(found: object, file: str = "") -> Converter:
    """The converter that runs the pyWATS class `found`; its module was imported when `provided`.

    `file` is where the class came from, if from a file.

    Raises:
        LoadError: it is no such class, or one whose kind does not run here.
        Exception: what its constructor or its properties raise.
    """
    known = names()
    if not isinstance(found, type):
        raise LoadError(f"{found!r} is no class; write the name of one after the colon")
    generation = _generation(found, known)
    if missing := sorted(getattr(found, "__abstractmethods__", ())):
        raise LoadError(f"the class {found.__name__!r} does not define {', '.join(missing)}")
    make = partial(_made, generation, found, known, file)
    first = make()
    facts = {
        "id": _slug(str(first.instance.name)) or _slug(found.__name__),
        "version": str(first.instance.version),
        "patterns": tuple(map(str, first.patterns())),
        "arguments": first.arguments(),
    }
    kind = type(f"Adapted{found.__name__}", (Adapted,), facts)
    adapted: Converter = kind(make, known)
    return adapted


def _generation(found: type[Any], known: Names) -> type[Generation]:
    if issubclass(found, known.FileConverter):
        return FileGeneration
    if issubclass(found, known.ConverterBase):
        return BaseGeneration
    if issubclass(found, known.FolderConverter):
        raise LoadError(
            f"{found.__name__!r} is a FolderConverter, and 'pywats:' runs classes that convert "
            "single files; write it on pywats_trio.converters instead"
        )
    if issubclass(found, known.ScheduledConverter):
        raise LoadError(
            f"{found.__name__!r} is a ScheduledConverter, which runs by the clock and not for a "
            "file; have a timer of the system put files into a watch folder instead"
        )
    raise LoadError(f"{found.__name__!r} is no subclass of pyWATS's FileConverter or ConverterBase")


def _made(generation: type[Generation], found: type[Any], known: Names, file: str) -> Generation:
    instance = found()
    instance.source_path = Path(file) if file else None
    return generation(instance, known)


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


class Adapted(Converter):
    """The base of the converters that `adapt` makes, one for each class of pyWATS."""

    def __init__(self, make: Callable[[], Generation], known: Names) -> None:
        self._make = make
        self._names = known
        self._loaded: dict[str, Generation] = {}

    def detect(self, source: Source) -> float:
        """The confidence of the class with its default arguments."""
        defaults = {name: one.default for name, one in self.arguments.items()}
        with tempfile.TemporaryDirectory() as folder:
            job = laid_out(source, Path(folder), defaults, Station())
            opinion = self._ready(job).call(job).validate()
        return 0.0 if opinion.refused else opinion.confidence

    def convert(self, source: Source, context: Context) -> list[Report]:
        """The reports of the class, checked.

        Raises:
            Reject: the class skips or rejects the file, or is not sure enough about it.
            Retry: it suspends the file, or lacks something that will come.
            Exception: it failed, or what it raised.
        """
        with heard(context.logger):
            job = laid_out(source, context.scratch, context.arguments, context.station)
            call = self._ready(job).call(job)
            error = "interrupted"
            try:
                made = self._run(call, context)
                error = ""
            except Exception as cause:
                error = str(cause) or type(cause).__name__
                raise
            finally:
                call.finish(context.logger, error)
        return made

    def _ready(self, job: Job) -> Generation:
        """The instance for this configuration: a class may keep what `on_load` made of it."""
        key = json.dumps([dict(job.arguments), job.station.name], sort_keys=True, default=repr)
        if key not in self._loaded:
            generation = self._make()
            generation.load(job)
            self._loaded[key] = generation
        return self._loaded[key]

    def unload(self) -> None:
        """No more files will come. What `on_unload` raises goes to standard error."""
        for generation in self._loaded.values():
            try:
                generation.unload()
            except Exception:  # noqa: BLE001 - the edge to their code
                traceback.print_exc()
        self._loaded.clear()

    def _run(self, call: Call, context: Context) -> list[Report]:
        logger = context.logger
        alarm = outcome.admit(call.validate())
        if alarm:
            logger.warning("%s", alarm)
        result: ConverterResult | None = None
        try:
            result = call.convert()
            outcome.check(result)
            made = outcome.reports(result, alarm)
        except (Retry, Reject):
            raise
        except Exception as error:
            failed = self._failed(result, error)
            _hook("on_failure", lambda: call.failed(failed), logger)
            raise
        _hook("on_success", lambda: call.succeeded(result), logger)
        _hook("post_action", lambda: _say_after(call, result, context), logger)
        return made

    def _failed(self, result: ConverterResult | None, error: Exception) -> ConverterResult:
        if result is not None and isinstance(error, outcome.ConversionFailed):
            return result
        return self._names.ConverterResult.failed_result(f"{type(error).__name__}: {error}")


def _hook(name: str, call: Callable[[], None], logger: Logger) -> None:
    """The conversion is decided; what a hook raises changes nothing about it."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the edge to their code
        logger.warning("%s of the class raised %s: %s", name, type(error).__name__, error)


def _say_after(call: Call, result: ConverterResult, context: Context) -> None:
    if action := outcome.after(result, call.default_post_action()):
        context.after(action)
