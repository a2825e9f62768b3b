"""The arguments of a pyWATS class as declarations of ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from attrs import evolve

from pywats_trio.converters.api import Argument
from pywats_trio.converters.pywats import outcome

if TYPE_CHECKING:
    from pywats_trio.converters.pywats.shims import ArgumentDefinition

_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "path": str,
    "password": str,
    "integer": int,
    "int": int,
    "float": float,
    "boolean": bool,
    "bool": bool,
}
ALARM: Final = "alarm_threshold"
REJECT: Final = "reject_threshold"
THRESHOLDS: Final[Mapping[str, Argument]] = {
    ALARM: Argument(
        float,
        default=0.5,
        minimum=0,
        maximum=1,
        help="a confidence below this is told with the report",
    ),
    REJECT: Argument(
        float, default=0.2, minimum=0, maximum=1, help="a confidence below this refuses the file"
    ),
}
"""What pyWATS keeps beside the arguments of a `FileConverter`."""


def of_schema(schema: Mapping[str, ArgumentDefinition]) -> dict[str, Argument]:
    """Of `FileConverter.arguments_schema`."""
    return {name: _of_definition(one) for name, one in schema.items()}


def _of_definition(given: ArgumentDefinition) -> Argument:
    kind = outcome.word(given.arg_type)
    made = _argument(
        kind,
        default=given.default,
        help=given.description,
        choices=tuple(given.choices or ()),
        low=given.min_value,
        high=given.max_value,
        required=given.required,
    )
    # As in pyWATS, where no other kind is held against its pattern.
    return evolve(made, pattern=_beginning(given.pattern)) if kind == "string" else made


def _beginning(pattern: str | None) -> str:
    """In pyWATS the beginning of a text has to match, in `Argument.pattern` all of it."""
    if not pattern:
        return ""
    whole = f"(?:{pattern})(?s:.*)"
    try:
        re.compile(whole)
    except re.error:
        return ""  # the class itself looks when it is loaded
    return whole


def of_mapping(declared: object) -> dict[str, Argument]:
    """Of `ConverterBase.get_arguments`: mappings, or plain defaults.

    What is no mapping declares nothing.
    """
    if not isinstance(declared, Mapping):
        return {}
    return {
        name: _of_mapping(one) if isinstance(one, Mapping) else Argument(type(one), default=one)
        for name, one in declared.items()
    }


def _of_mapping(given: Mapping[str, Any]) -> Argument:
    return _argument(
        str(given.get("type", "string")),
        default=given.get("default"),
        help=str(given.get("description", "")),
        choices=tuple(given.get("choices") or ()),
        low=given.get("min"),
        high=given.get("max"),
        required=bool(given.get("required")),
    )


def _argument(
    kind: str,
    *,
    default: Any,  # noqa: ANN401 - theirs
    help: str,  # noqa: A002 - the word that `Argument` has
    choices: tuple[Any, ...],
    low: float | None,
    high: float | None,
    required: bool,
) -> Argument:
    type_ = type(choices[0]) if kind == "choice" and choices else _TYPES.get(kind, str)
    ordered = type_ in {int, float}
    return Argument(
        type_,
        default=default,
        help=help,
        choices=choices if kind == "choice" else (),
        minimum=low if ordered else None,
        maximum=high if ordered else None,
        # To pyWATS a default is a value; only what has none must be given.
        required=required and default is None,
    )
