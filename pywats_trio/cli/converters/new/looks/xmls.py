"""XML."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from pywats_trio.cli.converters.new import guess, literals, vocabulary
from pywats_trio.cli.converters.new.draft import Constant, Draft
from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import xml_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from pywats_trio.cli.converters.new.guess import Cells
    from pywats_trio.cli.converters.new.sample import Sample
    from pywats_trio.converters.common.xml_tree import Element

_LOOKED_AT: Final = 500
"""Elements of one name."""
_TIMES: Final = re.compile(r"\[\d+\]")


def look(sample: Sample, text: str) -> Draft | None:
    """None where it is none, or none that a converter reads."""
    if not text.lstrip().startswith("<"):
        return None
    try:
        root = xml_tree.parse(sample.data)
    except Reject:
        return None
    skipped = _row_names(root)
    unit = _unit(root, skipped)
    draft = Draft(
        "XML" if unit is None else f"XML with an element {unit} for each unit",
        "read_xml",
        imports=("from collections import Counter",),
        common=("xml_tree",),
        types=(
            "from collections.abc import Iterable, Iterator, Mapping",
            "from pywats_trio.converters.common.xml_tree import Element",
        ),
        marks=[f"<{root.name}", *([f"<{unit}"] if unit else [])],
    )
    _fill(draft, root, skipped, unit)
    draft.constants = [
        Constant("UNIT", "str | None", literals.optional(unit), _UNIT),
        Constant("ROWS", "frozenset[str]", literals.frozenset_of(skipped), _ROWS),
    ]
    return draft


_UNIT: Final = (
    "The element of a unit, where a file has several. A name in HEADER that begins\n"
    "# with / stands outside of it."
)
_ROWS: Final = "The elements that are rows, wherever they stand."


def _fill(draft: Draft, root: Element, skipped: Set[str], unit: str | None) -> None:
    tables = draft.tables
    ignored = {*skipped, *([unit] if unit else [])}
    elements = [root] if unit is None else [*_all(root, {unit})]
    around = {f"/{name}": said for name, said in cells(root, ignored).items()} if unit else {}
    units = [{**cells(element, ignored), **around} for element in elements]
    guess.header(tables, [_single(facts) for facts in units])
    records = [*_records(root, skipped, ignored)]
    if records:
        tables.row = guess.row(records)
        guess.learn(tables, records)
    else:
        guess.steps(tables, units)
    guess.decimal(tables, [*records, *units])


def _single(facts: Cells) -> Cells:
    """Without what comes several times: it is not said of the unit as a whole."""
    again = {name[: match.start()] for name in facts for match in _TIMES.finditer(name)}
    return {
        name: text
        for name, text in facts.items()
        if "[" not in name and not any(name == one or name.startswith(f"{one}/") for one in again)
    }


def cells(element: Element, skipped: Set[str], path: str = "") -> Cells:
    """As the converter that is written sees an element: see `_cells` in the template."""
    found = {f"{path}@{name}": text for name, text in element.attributes.items()}
    if text := element.text.strip():
        found[path[:-1] or "."] = text
    seen: Counter[str] = Counter()
    for child in element.children:
        if child.name in skipped:
            continue
        seen[child.name] += 1
        times = seen[child.name]
        name = child.name if times == 1 else f"{child.name}[{times}]"
        found.update(cells(child, skipped, f"{path}{name}/"))
    return found


def _all(element: Element, names: Set[str]) -> Iterator[Element]:
    for child in element.children:
        if child.name in names:
            yield child
        else:
            yield from _all(child, names)


def _records(element: Element, rows: Set[str], skipped: Set[str]) -> Iterator[Cells]:
    """The cells of the elements of these names that have none of them inside."""
    above = {f"../{name}": text for name, text in cells(element, skipped).items()}
    for child in element.children:
        inner = [*_records(child, rows, skipped)]
        if child.name in rows and not inner:
            yield {**above, **cells(child, skipped)}
        yield from inner


def _row_names(root: Element) -> set[str]:
    """The elements that are rows: each has a name, and a value or a status."""
    depth: dict[str, int] = {}
    named: dict[str, list[Element]] = {}
    for level, element in _walk(root, 0):
        depth[element.name] = max(level, depth.get(element.name, 0))
        named.setdefault(element.name, []).append(element)
    found: set[str] = set()
    for name in sorted(depth, key=lambda name: -depth[name]):  # the innermost first
        inner = [one for one in named[name][:_LOOKED_AT] if not any(_all(one, found | {name}))]
        if name == root.name or not guess.is_usable(name) or not inner:
            continue
        if _are_rows([cells(one, found) for one in inner]):
            found.add(name)
    return _alike(root, found)


def _alike(root: Element, names: set[str]) -> set[str]:
    """Of these elements those that have the same name for a name, the most frequent."""
    called: dict[str, str | None] = {}
    times: Counter[str | None] = Counter()
    for name in names:
        records = [*_records(root, {name}, names)]
        called[name] = guess.row(records)["name"]
        times[called[name]] += len(records)
    usual = max(times, key=times.__getitem__, default=None)
    alike = {name for name, one in called.items() if one == usual}
    return alike if guess.is_row(guess.row([*_records(root, alike, alike)])) else set()


def _walk(element: Element, level: int) -> Iterator[tuple[int, Element]]:
    yield level, element
    for child in element.children:
        yield from _walk(child, level + 1)


def _are_rows(records: list[Cells]) -> bool:
    table = guess.row(records)
    if not guess.is_row(table) or guess.serial_number(records) is not None:
        return False
    names = {vocabulary.plain(record.get(table["name"] or "", "")) for record in records}
    return names.isdisjoint(vocabulary.HEADER["serial_number"])  # else they say what the unit is


def _unit(root: Element, rows: Set[str]) -> str | None:
    """The element that comes again with another serial number."""
    facts = cells(root, rows)
    serial = guess.serial_number([facts])
    if serial is None:
        return None
    segments = serial.split("/")
    for number, segment in enumerate(segments[:-1]):
        again = "/".join((*segments[:number], f"{segment}[2]", *segments[number + 1 :]))
        if again in facts:
            name = _TIMES.sub("", segment)
            return name if guess.is_usable(name) else None
    return None
