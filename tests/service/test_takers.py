"""Who may take what is handed over; where nobody may, one sentence says what to do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pywats_trio.config.options import ConverterOptions
from pywats_trio.errors import InvalidInputError
from pywats_trio.intake.handed import Handed
from pywats_trio.model import Form
from pywats_trio.service.takers import fitting

if TYPE_CHECKING:
    from collections.abc import Iterable

FOLDER = Handed(is_folder=True, has_folder=False)
FILE = Handed(is_folder=False, has_folder=False)
HEADER = Handed(is_folder=False, has_folder=True)


def options(name: str) -> ConverterOptions:
    return ConverterOptions(name=name, type="mine.py:Mine", watch=Path("/w"))


ALL = [(options(form.value), form) for form in Form]


def taken(handed: Handed, forms: Iterable[Form] = Form, *, named: bool = False) -> list[Form]:
    takers = [taker for taker in ALL if taker[1] in forms]
    return [form for _options, form in fitting(handed, takers, told="/in/DUT 1", named=named)]


@pytest.mark.parametrize(
    ("handed", "fit"),
    [(FOLDER, [Form.FOLDER]), (FILE, [Form.FILE]), (HEADER, [Form.FILE, Form.PAIR])],
)
def test_a_folder_is_for_some_and_a_header_with_its_folder_for_others(
    handed: Handed, fit: list[Form]
) -> None:
    assert taken(handed) == fit


@pytest.mark.parametrize(
    ("handed", "form", "why"),
    [
        (FOLDER, Form.FILE, "takes files, and /in/DUT 1 is a folder; submit the files in it"),
        (
            FOLDER,
            Form.PAIR,
            "takes a header file with its folder; give the header file that is beside /in/DUT 1",
        ),
        (FILE, Form.FOLDER, "takes folders, and /in/DUT 1 is none; give the folder"),
        (
            FILE,
            Form.PAIR,
            "takes a header file with its folder, and /in/DUT 1 has no folder of its name beside "
            "it; put it there",
        ),
    ],
)
def test_one_that_is_named_and_cannot_take_it_says_what_it_takes(
    handed: Handed, form: Form, why: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        taken(handed, [form], named=True)
    assert str(caught.value) == f"the converter '{form.value}' {why}"


@pytest.mark.parametrize(
    ("handed", "forms", "why"),
    [
        (
            FOLDER,
            [Form.FILE],
            "/in/DUT 1 is a folder, and no configured converter takes folders; configure one that "
            "does, or submit the files in it",
        ),
        (
            FOLDER,
            [Form.FILE, Form.PAIR],
            "/in/DUT 1 is a folder; give the header file that is beside it",
        ),
        (
            FILE,
            [Form.FOLDER],
            "no configured converter takes files alone, such as /in/DUT 1; give a folder, or "
            "configure a converter of files",
        ),
        (
            FILE,
            [Form.FOLDER, Form.PAIR],
            "no configured converter takes files alone, such as /in/DUT 1; give a header file that "
            "has its folder beside it, or configure a converter of files",
        ),
    ],
)
def test_where_nobody_takes_it_a_sentence_says_what_to_do(
    handed: Handed, forms: list[Form], why: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        taken(handed, forms)
    assert str(caught.value) == why
