"""One file and one instance of a pyWATS class: the calls of the two generations, made alike."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.arguments import ArgumentError, Open
from pywats_trio.converters.pywats import schema
from pywats_trio.converters.pywats.outcome import LATER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta
    from pathlib import Path

    from pywats_trio.converters.api import Argument, Station
    from pywats_trio.converters.pywats import shims
    from pywats_trio.converters.pywats.doors import Names

ACCEPTED: Final = 0.3
"""How sure a class of the older generation is: it knows only yes and no, mostly by the name."""


@frozen
class Job:
    """One file to convert, and what the configuration says."""

    path: Path
    """A copy that the class may open, in the worker's scratch folder."""
    origin: str
    """Where the file lies in truth."""
    mtime: float
    """When that was last written, seconds since the epoch."""
    arguments: Mapping[str, Any]
    """Those that have a value."""
    station: Station


@frozen
class Opinion:
    """What a class thinks of a file before it converts it."""

    confidence: float
    """0 to 1."""
    refused: bool
    """Whether that is too little, or the class says No."""
    message: str = ""
    alarming: bool = False
    """Whether it is so little that people should know."""
    wait: timedelta | float | None = None
    """How long until all that the class needs is there; None if it is."""


class Call(ABC):
    """The methods of an instance, for one file."""

    @abstractmethod
    def validate(self) -> Opinion:
        """How sure it is."""

    @abstractmethod
    def convert(self) -> shims.ConverterResult:
        """Its result."""

    @abstractmethod
    def succeeded(self, result: shims.ConverterResult) -> None:
        """Its hook."""

    @abstractmethod
    def failed(self, result: shims.ConverterResult) -> None:
        """Its hook."""

    def default_post_action(self) -> object:
        """What becomes of a file where the result does not say it."""
        return "move"

    def finish(self, logger: logging.Logger, error: str) -> None:  # noqa: B027 - most need not
        """It is over; `error` is empty if it went well."""


class Generation(ABC):
    """What differs between the base classes of pyWATS."""

    def __init__(self, instance: Any, names: Names) -> None:  # noqa: ANN401 - theirs
        self.instance = instance
        self.names = names

    @abstractmethod
    def patterns(self) -> tuple[str, ...]:
        """Which names it takes."""

    @abstractmethod
    def arguments(self) -> dict[str, Argument]:
        """What it can be told; `Open` if it declares nothing, for it may read some all the same."""

    @abstractmethod
    def call(self, job: Job) -> Call:
        """Ready to be asked about one file."""

    @abstractmethod
    def load(self, job: Job) -> None:
        """Called before the first file, which is that of `job`."""

    @abstractmethod
    def unload(self) -> None:
        """Called after the last file."""


class FileGeneration(Generation):
    """Classes on `FileConverter`."""

    def patterns(self) -> tuple[str, ...]:
        """As it says."""
        return tuple(self.instance.file_patterns) or ("*",)

    def arguments(self) -> dict[str, Argument]:
        """Its own, and the two thresholds unless it has arguments of these names."""
        own = schema.of_schema(self.instance.arguments_schema)
        known = {**schema.THRESHOLDS, **own}
        return known if own else Open(known)

    def call(self, job: Job) -> Call:
        """With a source and a context."""
        source = self.names.ConverterSource.from_file(job.path)
        source.metadata["original_path"] = job.origin
        if source.file_info is not None:
            _date(source.file_info, job)
        rated = type(self.instance).validate is not self.names.FileConverter.validate
        return _FileCall(self.instance, source, self._context(job), rated)

    def _context(self, job: Job) -> shims.ConverterContext:
        own = self.instance.arguments_schema
        thresholds = {name: job.arguments[name] for name in schema.THRESHOLDS if name not in own}
        return self.names.ConverterContext(
            drop_folder=job.path.parent,
            station_name=job.station.name,
            arguments={k: v for k, v in job.arguments.items() if k not in thresholds},
            **thresholds,
        )

    def load(self, job: Job) -> None:
        """With the context of the first file.

        Raises:
            ArgumentError: an argument is not as the class declares it.
        """
        for name, definition in self.instance.arguments_schema.items():
            right, why = definition.validate(job.arguments.get(name))
            if not right:
                raise ArgumentError(f"argument {name!r} is {job.arguments.get(name)!r}: {why}")
        self.instance.on_load(self._context(job))

    def unload(self) -> None:
        """Its hook."""
        self.instance.on_unload()


@frozen
class _FileCall(Call):
    converter: shims.FileConverter
    source: shims.ConverterSource
    context: shims.ConverterContext
    rated: bool

    def validate(self) -> Opinion:
        found = self.converter.validate(self.source, self.context)
        return Opinion(
            found.confidence,
            refused=not found.can_convert or found.confidence < self.context.reject_threshold,
            message=found.message,
            # By its name alone no file is surer; to tell that of each would tell nothing.
            alarming=self.rated and found.confidence < self.context.alarm_threshold,
            wait=None if found.ready else found.retry_after or LATER,
        )

    def convert(self) -> shims.ConverterResult:
        return self.converter.convert(self.source, self.context)

    def succeeded(self, result: shims.ConverterResult) -> None:
        self.converter.on_success(self.source, result, self.context)

    def failed(self, result: shims.ConverterResult) -> None:
        self.converter.on_failure(self.source, result, self.context)

    def default_post_action(self) -> object:
        return self.converter.default_post_action


class BaseGeneration(Generation):
    """Classes on `ConverterBase`."""

    def patterns(self) -> tuple[str, ...]:
        """Its extensions as patterns."""
        extensions = self.instance.supported_extensions or ["*"]
        return tuple("*" if one == "*" else f"*.{one.lstrip('*.')}" for one in extensions)

    def arguments(self) -> dict[str, Argument]:
        """Its own."""
        return schema.of_mapping(self.instance.get_arguments()) or Open()

    def call(self, job: Job) -> Call:
        """With `ConverterArguments`; all its folders are the scratch folder."""
        self.instance.user_settings = dict(job.arguments)
        folder = job.path.parent
        log = self.names.ConversionLog(folder / f"{job.path.name}.log", job.path.name)
        arguments = self.names.ConverterArguments(
            api_client=None,
            file_info=_date(self.names.FileInfo(job.path), job),
            drop_folder=folder,
            done_folder=folder,
            error_folder=folder,
            user_settings=dict(job.arguments),
            conversion_log=log,
        )
        return _BaseCall(self.instance, job.path, arguments, log)

    def load(self, job: Job) -> None:
        """This generation has no such hook."""

    def unload(self) -> None:
        """This generation has no such hook."""


def _date(info: shims.FileInfo, job: Job) -> shims.FileInfo:
    """The time of the file, not that of its copy; without a zone, as in pyWATS."""
    info.modified_time = datetime.fromtimestamp(job.mtime)  # noqa: DTZ006
    return info


@frozen
class _BaseCall(Call):
    converter: shims.ConverterBase
    path: Path
    args: shims.ConverterArguments
    log: shims.ConversionLog

    def validate(self) -> Opinion:
        valid, why = self.converter.validate_file(self.args.file_info)
        return Opinion(ACCEPTED if valid else 0.0, refused=not valid, message=why)

    def convert(self) -> shims.ConverterResult:
        return self.converter.convert_file(self.path, self.args)

    def succeeded(self, result: shims.ConverterResult) -> None:
        self.converter.on_success(self.path, result, self.args)

    def failed(self, result: shims.ConverterResult) -> None:
        self.converter.on_failure(self.path, result, self.args)

    def finish(self, logger: logging.Logger, error: str) -> None:
        """What the class wrote into its log of the conversion goes to ours."""
        for entry in self.log.entries[1:]:  # the first is the header
            level = logging.getLevelNamesMapping().get(entry.level, logging.INFO)
            logger.log(level, "%s: %s", entry.step, entry.message)
        if not getattr(self.log, "_finalized", True):  # that of pywats-api holds its file open
            self.log.finalize(success=not error, error=error or None)
