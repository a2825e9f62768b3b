"""Arguments as they come over a wire, checked and made into a command's own class."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping
from typing import Any, Final, TypeVar

import attrs
import cattrs

from pywats_trio.commands.command import BadArguments, nearest

T = TypeVar("T")

MOST_STRANGE: Final = 5
"""Unknown arguments that are named; a client may send any number."""
_NAMES: Final = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
}


def structure(command: str, into: type[T], args: Mapping[str, Any]) -> T:
    """`args` as an instance of the attrs class `into`.

    Raises:
        BadArguments: one sentence with every problem.
    """
    if not isinstance(args, Mapping):
        raise BadArguments(f"the arguments of {command!r} must be an object")
    try:
        return _CONVERTER.structure(args, into)
    except cattrs.BaseValidationError as error:
        problems = cattrs.transform_error(error, format_exception=_told)
        told = "; ".join(map(_key_first, problems))
        raise BadArguments(f"the arguments of {command!r} are wrong: {told}") from error


def _key_first(problem: str) -> str:
    """cattrs writes `what is wrong @ $.key`."""
    message, _, key = problem.partition(" @ $")
    key = key.removeprefix(".")
    return f"{key}: {message}" if key and repr(key) not in message else message


def _told(error: BaseException, _kind: type | None) -> str:
    if isinstance(error, cattrs.ForbiddenExtraKeysError):
        known = [field.name for field in attrs.fields(error.cl)]
        strange = sorted(error.extra_fields)[:MOST_STRANGE]
        return ", ".join(f"unknown {reprlib.repr(name)}{nearest(name, known)}" for name in strange)
    if isinstance(error, KeyError):
        return f"missing {error.args[0]!r}"
    # attrs' own validators put the whole attribute behind the first line.
    return str(error.args[0] if error.args else error).partition(": Attribute")[0]


def _strictly(kind: type) -> Any:  # noqa: ANN401 - a hook for cattrs
    """Nothing is converted: `"5"` is no number and 5 no text."""

    def check(value: Any, _kind: object) -> Any:  # noqa: ANN401
        fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
        if (
            not fits
            or isinstance(value, bool) is not (kind is bool)
            or (kind is float and not math.isfinite(value))
        ):
            raise TypeError(f"{reprlib.repr(value)} is not {_NAMES[kind]}")
        return value

    return check


def _listed(kind: type) -> Any:  # noqa: ANN401 - a hook for cattrs
    one = _strictly(kind)

    def check(value: Any, _kind: object) -> Any:  # noqa: ANN401
        return tuple(one(held, kind) for held in _strictly(list)(value, list))

    return check


def _make() -> cattrs.Converter:
    converter = cattrs.Converter(forbid_extra_keys=True, detailed_validation=True)
    for kind in (str, int, float, bool):
        converter.register_structure_hook(kind, _strictly(kind))
    converter.register_structure_hook_func(lambda kind: kind == dict[str, Any], _strictly(dict))
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _listed(str))
    converter.register_structure_hook_func(lambda kind: kind == tuple[int, ...], _listed(int))
    return converter


_CONVERTER: Final = _make()
