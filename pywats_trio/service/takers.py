"""Which of the configured converters may take what is handed over: files, or folders. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pywats_trio.errors import InvalidInputError
from pywats_trio.model import Form

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.intake.handed import Handed

    Taker = tuple[ConverterOptions, Form]
    """A converter, and what it takes."""


def fitting(handed: Handed, takers: Sequence[Taker], *, told: str, named: bool) -> list[Taker]:
    """Those of `takers` that may take it; `told` is what it is called, `named` by the user.

    Raises:
        InvalidInputError: none of them.
    """
    fit = [taker for taker in takers if _fits(handed, taker[1])]
    if fit:
        return fit
    if named:
        [(options, form)] = takers
        raise InvalidInputError(f"the converter {options.name!r} {_why(handed, form, told)}")
    raise InvalidInputError(_why_nobody(handed, {form for _options, form in takers}, told))


def _fits(handed: Handed, form: Form) -> bool:
    if handed.is_folder:
        return form is Form.FOLDER
    return form is Form.FILE or (form is Form.PAIR and handed.has_folder)


def _why(handed: Handed, form: Form, told: str) -> str:
    if form is Form.FOLDER:
        return f"takes folders, and {told} is none; give the folder"
    if form is Form.FILE:
        return f"takes files, and {told} is a folder; submit the files in it"
    if handed.is_folder:
        return f"takes a header file with its folder; give the header file that is beside {told}"
    return (
        f"takes a header file with its folder, and {told} has no folder of its name beside it; "
        "put it there"
    )


def _why_nobody(handed: Handed, forms: set[Form], told: str) -> str:
    if not handed.is_folder:
        what = "a header file that has its folder beside it" if Form.PAIR in forms else "a folder"
        return (
            f"no configured converter takes files alone, such as {told}; give {what}, "
            "or configure a converter of files"
        )
    if Form.PAIR in forms:
        return f"{told} is a folder; give the header file that is beside it"
    return (
        f"{told} is a folder, and no configured converter takes folders; configure one that does, "
        "or submit the files in it"
    )
