"""What the authors of converters say: whether there is such a type, and whether arguments fit.

Only a worker runs a converter's code. The standard converters need no arguments, so one that has
none is not asked: a hundred of them cost nothing.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import TYPE_CHECKING, Final

import trio
from attrs import define, field

from pywats_trio.config import texts
from pywats_trio.convert.trial import Question, inquire
from pywats_trio.converters.registry import FILE_TYPES, STANDARD, Spec, parse, pinned
from pywats_trio.errors import ConfigError
from pywats_trio.service.preflight import looks
from pywats_trio.service.preflight.finding import CONFIG, Finding, error, warning
from pywats_trio.service.taken import takes_folders

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.said import Description
    from pywats_trio.model import Unit

PATIENCE: Final = 5.0
"""Seconds for all of them to answer."""
MEND: Final = "mend it; until it can be used, its files wait in their folder"


@define
class Authors:
    """Asks; then `findings` and `patterns`, by the converter's name, are what was said."""

    findings: list[Finding] = field(factory=list)
    patterns: dict[str, tuple[str, ...]] = field(factory=dict)

    async def ask(self, converters: Sequence[ConverterOptions], config: Config) -> None:
        """Ask those of `converters` who have something to say, each type once."""
        asked = [
            one
            for one in converters
            if one.type not in FILE_TYPES or one.arguments or takes_folders(one)
        ]
        specs = await _specs(asked)
        by_type: dict[str, list[ConverterOptions]] = {}
        for options, spec in zip(asked, specs, strict=True):
            if isinstance(spec, Spec):
                by_type.setdefault(options.type, []).append(options)
            else:
                self.findings.append(spec)
        known = {spec.type: spec for spec in specs if isinstance(spec, Spec)}
        questions = [
            Question(known[type_], tuple(options.arguments for options in group))
            for type_, group in by_type.items()
        ]
        answers = await inquire(questions, config.workers, PATIENCE, withheld=config.withheld)
        for group, answer in zip(by_type.values(), answers, strict=True):
            self._take(group, answer)

    def _take(self, group: Iterable[ConverterOptions], answer: Description | str) -> None:
        if isinstance(answer, str):
            self.findings += [_unusable(options, answer) for options in group]
            return
        for options, mistakes, notes in zip(group, answer.mistakes, answer.notes, strict=True):
            self.patterns[options.name] = answer.patterns
            self.findings += _wrong(options, mistakes)
            self.findings += _undeclared(options, notes)
            self.findings += _misplaced(options, answer.unit)
            if not (options.patterns or answer.patterns):
                message = (
                    f"converters.{options.name}.patterns: neither they nor its author name any"
                )
                hint = "write patterns, or no file is taken"
                self.findings.append(error("converter", options.name, message, hint, CONFIG))


async def _specs(converters: Sequence[ConverterOptions]) -> list[Spec | Finding]:
    """Where each converter is. In threads: its file may lie on a share, entry points are read."""
    found = await looks.look([partial(_spec, options) for options in converters], looks.PATIENCE)
    return [
        _unusable(options, "its file does not answer") if spec is None else spec
        for options, spec in zip(converters, found, strict=True)
    ]


def _spec(options: ConverterOptions) -> Spec | Finding:
    try:
        return pinned(parse(options.type))
    except ConfigError as cause:
        file = texts.converter_file(options.type)
        if file and file[1].isidentifier():
            return _unusable(options, str(cause))  # away, as a share may be: it can come back
        key = f"converters.{options.name}.type"
        hint = "correct the type; `pywats-trio converters ls` lists those there are"
        return error("converter", options.name, f"{key}: {cause}", hint, CONFIG)


def _unusable(options: ConverterOptions, why: str) -> Finding:
    message = f"converters.{options.name}.type: {options.type!r} cannot be used: {why}"
    return warning("converter", options.name, message, MEND)


def _wrong(options: ConverterOptions, mistakes: Mapping[str, str]) -> list[Finding]:
    hint = "correct it under [converters.arguments]"
    return [
        error(
            "converter",
            options.name,
            f"converters.{options.name}.arguments.{key}: {why}",
            hint,
            CONFIG,
        )
        for key, why in mistakes.items()
    ]


def _undeclared(options: ConverterOptions, notes: Mapping[str, str]) -> list[Finding]:
    """Arguments that are handed on although the class does not declare them."""
    hint = "see that it is spelt as the class reads it"
    return [
        warning("argument", options.name, f"converters.{options.name}.arguments.{key}: {why}", hint)
        for key, why in notes.items()
    ]


def _misplaced(options: ConverterOptions, unit: Unit | None) -> list[Finding]:
    """Keys that mean nothing for what the converter takes."""
    if unit is None:
        keys = takes_folders(options)
        why, hint = "is for converters that take folders; this one takes files", "remove the line"
    else:
        keys = ["recursive"] if options.recursive else []
        keys += ["settle"] if options.settle != "quiet" else []
        why = "is for converters that take files; this one takes folders"
        hint = "remove the line; marker, minimum_files and quiet_seconds say when one is complete"
    return [
        error("converter", options.name, f"converters.{options.name}.{key}: {why}", hint, CONFIG)
        for key in keys
    ]


async def standard_patterns(
    converters: Iterable[ConverterOptions],
) -> dict[str, tuple[str, ...]]:
    """Which file names those of a standard type take, by the converter's name.

    Their code is ours, so it may be imported here: in a thread, and only if this is asked at all.
    """
    standard = [options for options in converters if options.type in STANDARD]
    found = {
        type_: await trio.to_thread.run_sync(_standard_patterns, type_)
        for type_ in {options.type for options in standard}
    }
    return {options.name: found[options.type] for options in standard}


def _standard_patterns(type_: str) -> tuple[str, ...]:
    module, _, attribute = STANDARD[type_].partition(":")
    patterns: tuple[str, ...] = getattr(importlib.import_module(module), attribute).patterns
    return patterns
