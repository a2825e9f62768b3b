"""The converters that come with pyWATS, by our workers."""

from __future__ import annotations

from functools import partial

import pytest

from pywats_trio.convert.trial import at_bench, describe
from tests.pywats import standard_set
from tests.pywats.standard_set import ABSENT, CLASSES, INSTALLED, OPTIONS, run_class, type_of
from tests.samples import REAL, REAL_MISSING

with_pywats = pytest.mark.skipif(not INSTALLED, reason=ABSENT)

CONVERTING = {
    "WATSStandardJsonConverter": 7,
    "SPEAConverter": 3,
    "KlippelConverter": 3,
    "XJTAGConverter": 6,
    "SeicaXMLConverter": 2,
}
"""How many of the sample files of each format give a report; the page of the docs says why not."""


@with_pywats
@pytest.mark.skipif(bool(REAL), reason="the next test loads it, too")
@pytest.mark.parametrize("name", CLASSES)
async def test_each_class_loads(name: str) -> None:
    about = await describe(type_of(name), OPTIONS)
    assert about.id
    assert about.version


@with_pywats
@pytest.mark.skipif(not REAL, reason=REAL_MISSING)
@pytest.mark.parametrize("name", CLASSES)
async def test_each_class_does_with_the_samples_what_it_does_in_pywats(name: str) -> None:
    outcomes = await at_bench(OPTIONS, partial(run_class, name=name))
    assert outcomes
    assert sum(bool(one.reports) for one in outcomes) == CONVERTING.get(name, 0)
    assert all(one.reports or one.why for one in outcomes)


@pytest.mark.skipif(INSTALLED, reason="pywats-api is installed")
async def test_the_older_csv_converter_is_there_without_pywats() -> None:
    about = await describe(type_of("CSVConverter"), OPTIONS)
    assert about.patterns == ("*.csv", "*.txt")
    assert "part_number_column" in about.arguments


def test_the_table_has_the_whole_set() -> None:
    assert len([m for m, _ in CLASSES.values() if m.startswith(standard_set.STANDARD)]) == 12
