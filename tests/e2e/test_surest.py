"""Which configured converter is given a file that is handed over without naming one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from attrs import evolve

from pywats_trio.errors import InvalidInputError
from tests.e2e.plant import plant
from tests.e2e.test_submit import outside

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.config.options import ConverterOptions

HALF_SURE = """
from pywats_trio.converters import Converter


class {name}(Converter):
    id = "{name}"

    def detect(self, source):
        return {sure}

    def convert(self, source, context):
        return []
"""


def beside(line: ConverterOptions, tmp_path: Path, name: str, type_: str) -> ConverterOptions:
    """Another converter, with a folder of its own."""
    (tmp_path / name).mkdir()
    return evolve(line, name=name, type=type_, watch=tmp_path / name)


def sure_of(tmp_path: Path, name: str, sure: float) -> str:
    path = tmp_path / f"{name}.py"
    path.write_text(HALF_SURE.format(name=name, sure=sure))
    return f"{path}:{name}"


async def test_auto_is_given_what_no_other_is_surer_about(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        [line] = here.config.converters
        auto = beside(line, tmp_path, "any", "auto")
        [file] = outside(here, tmp_path)
        text = tmp_path / "unit.txt"
        text.write_text("--Header-Start--\n")
        await here.service.reload(evolve(here.config, converters=(auto, line)))
        assert (await here.service.submit_file(file)).converter == "line-1"
        assert (await here.service.submit_file(text)).converter == "any"


@pytest.mark.parametrize(("sure", "taken"), [(0.49, False), (0.5, True)])
async def test_a_converter_must_be_sure_enough_to_be_given_a_file(
    tmp_path: Path, sure: float, taken: bool
) -> None:
    async with plant(tmp_path, audited=False) as here:
        [line] = here.config.converters
        half = beside(line, tmp_path, "half", sure_of(tmp_path, "Half", sure))
        file = tmp_path / "unit.dat"
        file.write_text("x")
        await here.service.reload(evolve(here.config, converters=(line, half)))
        if taken:
            assert (await here.service.submit_file(file)).converter == "half"
        else:
            with pytest.raises(InvalidInputError, match="none of the configured converters"):
                await here.service.submit_file(file)
