"""Properties without a place of their own in WSJF, as the free data that it has for them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pywats_trio.converters.standard.teststand.properties import Item, Prop

_INDEX: Final = re.compile(r"\[(\d{1,9})\]", re.ASCII)


def entry(prop: Prop) -> dict[str, Any]:
    """One of `additionalResults` or `additionalData`: a name and properties."""
    props = prop.members if prop.members and not prop.items else [prop]
    return {"name": prop.name, "props": [_property(one) for one in props]}


def _property(prop: Prop) -> dict[str, Any]:
    members: dict[str, Any] = {"name": prop.name, "type": prop.type or "String"}
    if prop.is_array:
        members["array"] = _array(prop)
    elif prop.members:
        members["props"] = [_property(member) for member in prop.members]
    else:
        members["value"] = prop.value
    return members


def _array(prop: Prop) -> dict[str, Any]:
    places = [_INDEX.findall(item.index) for item in prop.items]
    return {
        "dimension": max(map(len, places), default=1) or 1,
        "type": prop.element_type,
        "indexes": [
            {"text": item.index, "indexes": [*map(int, place)], "value": _element(item, prop)}
            for item, place in zip(prop.items, places, strict=True)
        ],
    }


def _element(item: Item, array: Prop) -> dict[str, Any]:
    if item.prop is not None:
        return _property(item.prop)
    return {"name": "", "type": array.element_type or "String", "value": item.text.strip()}
