"""What was recorded beside measurements: WATS has additional results, trees of named properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.common import teststand
from pywats_trio.converters.standard.atml import values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.common.xml_tree import Element

_HOLDERS: Final = ("Datum", "Collection", "IndexedArray")


def result(name: str, holder: Element) -> dict[str, Any]:
    """The additional result of this name; `holder` has a Datum, Collection or IndexedArray."""
    held = _held(holder)
    if held is not None and held.name == "Collection":
        return {"name": name, "props": _items(held)}
    return {"name": name, "props": [_property(name, held)]}


def leaves(collection: Element, path: str = "") -> Iterator[tuple[str, str]]:
    """The single values of a collection: their names from the top down, joined by a dot."""
    for item in collection.named("Item"):
        name = path + values.attribute(item, "name")
        held = _held(item)
        if held is not None and held.name == "Collection":
            yield from leaves(held, f"{name}.")
        elif held is not None:
            yield name, str(_property(name, held).get("value", ""))


def _held(holder: Element) -> Element | None:
    return next((child for child in holder.children if child.name in _HOLDERS), None)


def _items(collection: Element) -> list[dict[str, Any]]:
    return [
        _property(values.attribute(item, "name"), _held(item)) for item in collection.named("Item")
    ]


def _property(name: str, held: Element | None) -> dict[str, Any]:
    if held is None:
        return {"name": name, "type": "String", "value": ""}
    if held.name == "Collection":
        return {"name": name, "type": "Obj", "props": _items(held)}
    if held.name == "IndexedArray":
        return _array(name, held)
    text = values.text_of(held)
    said = values.kind(held)
    is_number = (
        said != "string" and held.child("Value") is None and teststand.number(text) is not None
    )
    type_ = "Boolean" if said == "boolean" else "Number" if is_number else "String"
    unit = values.unit_of(held)
    return {"name": name, "type": type_, "value": text, **({"comment": unit} if unit else {})}


def _array(name: str, array: Element) -> dict[str, Any]:
    """All its values in one text: WATS has an object for each, a hundred times as large."""
    elements = ";".join(values.text_of(element) for element in array.named("Element"))
    size = f"{values.kind(array)} {values.attribute(array, 'dimensions')}".strip()
    return {"name": name, "type": "String", "value": elements, "comment": size}
