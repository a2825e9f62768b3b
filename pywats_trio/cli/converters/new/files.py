"""Writing what was made: all of it or none, and over nothing."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

from pywats_trio.errors import PywatsTrioError, UsageError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def write(files: Mapping[Path, bytes]) -> None:
    """All of them or none, and over nothing.

    Raises:
        UsageError: one of them is there already.
        PywatsTrioError: one of them cannot be written.
    """
    made: list[Path] = []
    try:
        for file, content in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("xb") as stream:
                made.append(file)
                stream.write(content)
    except OSError as error:
        for written in made:
            with contextlib.suppress(OSError):
                written.unlink()
        told = printable(error.filename or "")
        if isinstance(error, FileExistsError):
            raise UsageError(
                f"{told} is there already and was left alone; choose another name or --dir"
            ) from error
        raise PywatsTrioError(
            f"{told} cannot be written: {error.strerror}; choose another --dir"
        ) from error


def configuration(words: Mapping[str, str], folder: Path, *, lines: tuple[str, ...]) -> str:
    """The lines that put the converter into the service."""
    name = words["name"]
    type_ = f"{folder.absolute() / words['module']}.py:{words['class']}"
    return "\n".join(
        (
            "[[converters]]",
            f'name = "{name}"',
            f"type = {json.dumps(type_, ensure_ascii=False)}",
            f'watch = "/data/drop/{name}"',
            *lines,
        )
    )


def command(words: Mapping[str, str], folder: Path, sample: str) -> str:
    """The command that tries the converter."""
    import shlex  # noqa: PLC0415

    type_ = f"{folder / words['module']}.py:{words['class']}"
    file = str(folder / "samples" / sample)
    return shlex.join(("pywats-trio", "converters", "test", file, "--converter", type_))
