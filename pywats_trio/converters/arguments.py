"""Configured arguments against what a converter declares."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from pywats_trio.converters.api import Argument

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ArgumentError(ValueError):
    """An argument is unknown, missing or of the wrong kind; one sentence that names it."""


@frozen
class Table(Argument):
    """A table of arguments that are declared elsewhere, and looked up only if one is given."""

    declared: Callable[[], Mapping[str, Argument]] = field(kw_only=True)

    def wrong(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with those that are, by their names."""
        return mistakes(self.declared(), given)


def bind(declared: Mapping[str, Argument], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every declared argument: the given value, checked, or its default.

    Of a list, each entry is one of `choices`; `minimum` and `maximum` are about how many there are.

    Raises:
        ArgumentError: for the first that is wrong.
    """
    for name in given:
        if name not in declared:
            raise ArgumentError(_unknown(name, declared))
    return {name: _value(name, argument, given) for name, argument in declared.items()}


def mistakes(declared: Mapping[str, Argument], given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with each argument that is, by its name; `bind` takes what has none."""
    found = {name: _unknown(name, declared) for name in given if name not in declared}
    for name, argument in declared.items():
        try:
            value = _typed_value(name, argument, given)
        except ArgumentError as error:
            found[name] = str(error)
        else:
            if isinstance(argument, Table) and value is not None:
                found |= {f"{name}.{inner}": why for inner, why in argument.wrong(value).items()}
    return found


def _unknown(name: str, declared: Mapping[str, Argument]) -> str:
    return f"unknown argument {name!r}{_suggestion(name, declared)}"


def _suggestion(name: str, declared: Mapping[str, Argument]) -> str:
    if near := difflib.get_close_matches(name, declared, n=1):
        return f"; did you mean {near[0]!r}?"
    if declared:
        return f"; the converter knows {', '.join(sorted(declared))}"
    return "; the converter has no arguments"


def _value(name: str, argument: Argument, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - theirs
    value = _typed_value(name, argument, given)
    if isinstance(argument, Table) and value is not None:
        for why in argument.wrong(value).values():
            raise ArgumentError(f"in the table {name!r}: {why}")
    return value


def _typed_value(name: str, argument: Argument, given: Mapping[str, Any]) -> Any:  # noqa: ANN401 - theirs
    if name not in given:
        if argument.required:
            raise ArgumentError(f"argument {name!r} is required; {argument.help or 'set it'}")
        return argument.default
    value = _typed(name, argument.type, given[name])
    _check(name, argument, value)
    return value


def _typed(name: str, wanted: type, value: Any) -> Any:  # noqa: ANN401 - theirs
    if not isinstance(wanted, type):
        raise ArgumentError(f"the converter declares argument {name!r} with no type of Python's")
    if wanted is float and type(value) is int:
        return float(value)
    # bool is an int to Python, but nobody who asks for a number means true.
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise ArgumentError(
            f"argument {name!r} must be of type {wanted.__name__}, not {type(value).__name__}"
        )
    return value


def _check(name: str, argument: Argument, value: Any) -> None:  # noqa: ANN401 - theirs
    if argument.choices:
        _check_choices(name, argument, value)
    size, found = value, f"is {value!r}"
    if isinstance(value, list):
        size, found = len(value), f"has {len(value)} entries"
    if argument.minimum is not None and size < argument.minimum:
        raise ArgumentError(f"argument {name!r} {found}; at least {argument.minimum}")
    if argument.maximum is not None and size > argument.maximum:
        raise ArgumentError(f"argument {name!r} {found}; at most {argument.maximum}")


def _check_choices(name: str, argument: Argument, value: Any) -> None:  # noqa: ANN401 - theirs
    choices = ", ".join(map(str, argument.choices))
    for one in value if isinstance(value, list) else [value]:
        if one not in argument.choices:
            verb = "holds" if isinstance(value, list) else "is"
            raise ArgumentError(f"argument {name!r} {verb} {one!r}; it must be one of {choices}")
