"""What is handed over without a watch folder: a look at it, and why it cannot be taken.

Each reason is one sentence that says what to do. Everything here blocks.
"""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import frozen

from pywats_trio.errors import InvalidInputError, NotFoundError
from pywats_trio.intake.trouble import to_do
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@frozen
class Handed:
    """What lies at a path; links are followed."""

    is_folder: bool
    has_folder: bool
    """Whether it is a file with a folder beside it that has its name without the ending."""


def look(path: Path) -> Handed:
    """See what lies there.

    Raises:
        NotFoundError: nothing.
        InvalidInputError: it is no path, or this process may not look.
    """
    with explained(printable(str(path))):
        is_folder = stat.S_ISDIR(os.stat(path).st_mode)  # noqa: PTH116 - any bytes, as str
        stem, ending = os.path.splitext(os.path.realpath(path))  # noqa: PTH122
    beside = bool(ending) and os.path.isdir(stem)  # noqa: PTH112
    return Handed(is_folder, beside and not is_folder)


@contextmanager
def explained(told: str) -> Iterator[None]:
    """What fails in the block about the file `told` is raised as what its user can mend."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFoundError(f"there is no file {told}; check the path") from error
    except OSError as error:
        raise unreadable(told, error) from error
    except ValueError as error:  # NUL, or half of a surrogate pair
        raise InvalidInputError(f"{told!r} is no path; check it") from error


def unreadable(told: str, error: OSError) -> InvalidInputError:
    """It cannot be read."""
    return InvalidInputError(f"{told} cannot be read: {error.strerror}; {to_do(error)}")


def too_large(told: str, size: int, max_bytes: int) -> InvalidInputError:
    """There is more of it than is converted."""
    return InvalidInputError(
        f"{told} has {size} bytes, at most {max_bytes} are converted; "
        "raise workers.max_input_mb, or split the file"
    )
