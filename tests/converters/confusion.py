"""Which converter claims which sample: everybody's `detect` is asked about every file there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.registry import AUTO, STANDARD, SURE_ENOUGH
from pywats_trio.converters.standard.auto import standard
from tests import samples

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.samples import Sample

CONVERTERS: Final = tuple(name for name in STANDARD if name != AUTO)
"""Those that read a format of their own, files and folders."""
STRANGERS: Final = {
    "saki-aoi.xml": "saki-aoi",
    "sigmaquest.xml": "sigmaquest",
    "soundcheck.txt": "soundcheck",
    "takaya.ATD": "takaya",
    "teststand-plain.xml": "teststand-xml",
    "teststand-reports.xml": "teststand-xml",
    "teststand-wats.xml": "teststand-xml",
}
"""Whose the files of the folder `other` are, which the thirteen formats of pyWATS do not know."""


@frozen
class Row:
    """A sample, and how sure each converter is of it."""

    sample: Sample
    owner: str | None
    """Whose file it is; None: nobody's, or that of a converter that there is not."""
    certainties: Mapping[str, float]

    @property
    def folder(self) -> str:
        """The set of samples that it belongs to."""
        return self.sample.path.parent.name

    @property
    def right(self) -> float:
        """How sure the owner is; 0 of nobody's file."""
        return self.certainties[self.owner] if self.owner else 0.0

    @property
    def others(self) -> dict[str, float]:
        """Who else is sure at all, and how sure."""
        found = self.certainties.items()
        return {name: sure for name, sure in found if sure > 0 and name != self.owner}

    @property
    def wrong(self) -> str:
        """What is wrong with it, in words; empty where nothing is.

        A file that its own converter refuses may be claimed by nobody, such as an empty one.
        """
        claimed = {name for name, sure in self.certainties.items() if sure >= SURE_ENOUGH}
        owner = {self.owner} if self.owner else set()
        if claimed <= owner and (claimed == owner or self.sample.refused):
            return ""
        expected = f"only {self.owner} may" if self.owner else "nobody may"
        sure = {name: self.certainties[name] for name in sorted(claimed | owner)}
        return f"{self.sample.name}: {expected} claim it with {SURE_ENOUGH} or more, not {sure}"


def certainties(sample: Sample) -> dict[str, float]:
    """How sure each converter is, given the kind of source that it takes."""
    return {name: _certainty(name, sample) for name in CONVERTERS}


def _certainty(name: str, sample: Sample) -> float:
    converter = standard(name)
    try:
        return converter.detect(sample.source(converter))
    except Reject:  # as `auto` has it: it could not even look into it
        return 0.0


def owner(sample: Sample) -> str | None:
    """Whose file it is by its expectations, if there is such a converter."""
    named = str(sample.expected["converter"])
    if sample.path.parent.name == "other":
        named = STRANGERS.get(sample.path.name, "")
    return named if named in CONVERTERS else None


def everything() -> Iterator[Sample]:
    """All samples of our own, and the real ones where they are at hand; sorted by folder."""
    bases = [samples.OURS, *([Path(samples.REAL)] if samples.REAL else [])]
    folders = {folder.name for base in bases for folder in base.iterdir() if folder.is_dir()}
    for folder in sorted(folders):
        yield from samples.samples(folder)


def ours() -> Iterator[Sample]:
    """Those of our own alone, wherever this runs."""
    return (sample for sample in everything() if samples.OURS in sample.path.parents)


def matrix(found: Iterable[Sample]) -> list[Row]:
    """A row for each sample."""
    return [Row(sample, owner(sample), certainties(sample)) for sample in found]
