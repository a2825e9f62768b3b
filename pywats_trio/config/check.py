"""What one key alone cannot tell: keys that contradict each other, converters in each other's way.

Everything here looks at values only; whether folders exist and may be written is asked at start.
"""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from itertools import combinations
from typing import TYPE_CHECKING, Final

from pywats_trio.config.mistakes import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.config.options import Config, ConverterOptions

_FOLDERS: Final = ("done_dir", "error_dir", "archive_dir")


def check(config: Config) -> Iterator[Mistake]:
    """Every contradiction in `config`; keys that have their default do not contradict."""
    yield from _names(config)
    yield from _token(config)
    yield from _retry(config)
    for index, converter in enumerate(config.converters):
        yield from _folders(index, converter)
    for (i, first), (j, second) in combinations(enumerate(config.converters), 2):
        yield from _same_name(i, first, j, second)
        yield from _same_files(i, first, j, second)


def _names(config: Config) -> Iterator[Mistake]:
    if not config.instance.strip():
        yield Mistake(("instance",), "it is empty; write a name, or leave the line out")
    ca_file = config.server.ca_file
    if ca_file is not None and not ca_file.is_file():
        message = f"there is no file {ca_file}; correct the path, or leave the line out"
        yield Mistake(("server", "ca_file"), message)


def _token(config: Config) -> Iterator[Mistake]:
    keys = ("token", "token_file", "token_env")
    given = [key for key in keys if getattr(config.server, key)]
    if len(given) > 1:
        message = f"{' and '.join(given)} are set; keep one of them"
        yield Mistake(("server", given[1]), message, (("server", given[0]),))


def _retry(config: Config) -> Iterator[Mistake]:
    base, longest = config.retry.base_seconds, config.retry.max_seconds
    if base > longest:
        yield Mistake(
            ("retry", "base_seconds"),
            f"{base:g} is more than retry.max_seconds, {longest:g}; use {longest:g} or less",
            (("retry", "max_seconds"),),
        )


def _folders(index: int, converter: ConverterOptions) -> Iterator[Mistake]:
    for key in _FOLDERS:
        path = ("converters", index, key)
        folder: str = getattr(converter, key)
        if not folder.strip() or "\0" in folder:
            yield Mistake(path, f"{folder!r} names no folder; write one such as 'Done'")
        elif os.path.normpath(converter.watch / folder) == str(converter.watch):
            message = f"{folder!r} is the watch folder itself; name another folder"
            yield Mistake(path, message, (("converters", index, "watch"),))


def _same_name(
    i: int, first: ConverterOptions, j: int, second: ConverterOptions
) -> Iterator[Mistake]:
    if first.name == second.name:
        yield Mistake(
            ("converters", j, "name"),
            f"{second.name!r} is the name of converters[{i}], too; each needs a name of its own",
            (("converters", i, "name"),),
        )


def _same_files(
    i: int, first: ConverterOptions, j: int, second: ConverterOptions
) -> Iterator[Mistake]:
    if not (first.enabled and second.enabled and _same_place(first, second)):
        return
    name = common_name(first, second)
    if name is not None:
        keys = ("watch", "patterns", "ignore", "recursive", "enabled", "name")
        yield Mistake(
            ("converters", j, "watch"),
            f"{second.name!r} and {first.name!r} would both take a file such as {name!r}; "
            "give them different folders or patterns",
            tuple(("converters", index, key) for index in (i, j) for key in keys),
        )


def _same_place(first: ConverterOptions, second: ConverterOptions) -> bool:
    return (
        first.watch == second.watch
        or (first.recursive and first.watch in second.watch.parents)
        or (second.recursive and second.watch in first.watch.parents)
    )


def common_name(first: ConverterOptions, second: ConverterOptions) -> str | None:
    """A name that both take, if one is found among the patterns read as names.

    This proves an overlap and never the opposite: `a*` and `*b` pass. Without patterns a converter
    takes what its type says, which is not known here: some of `*`, and the same as its twin.
    """
    if not (first.patterns and second.patterns):
        known = first.patterns or second.patterns
        twins = not known and first.type == second.type
        return "*" if twins or "*" in known else None
    names = (*first.patterns, *second.patterns)
    return next((name for name in names if _takes(first, name) and _takes(second, name)), None)


def _takes(converter: ConverterOptions, name: str) -> bool:
    if any(fnmatchcase(name, pattern) for pattern in converter.ignore):
        return False
    return any(fnmatchcase(name, pattern) for pattern in converter.patterns)
