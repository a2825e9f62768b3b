"""Configured arguments against what a converter declares."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from pywats_trio.converters.api import Argument, Reject

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class ArgumentError(ValueError):
    """An argument is unknown, missing or of the wrong kind; one sentence that names it."""


class Open(dict[str, Argument]):
    """Declarations that may not be all: what is given besides is handed on as it is."""


@frozen
class Table(Argument):
    """A table of arguments that are declared elsewhere, and looked up only if one is given."""

    declared: Callable[[], Mapping[str, Argument]] = field(kw_only=True)

    def wrong(self, given: Mapping[str, Any]) -> dict[str, str]:
        """What is wrong with those that are, by their names."""
        return mistakes(self.declared(), given)


def bind(declared: Mapping[str, Argument], given: Mapping[str, Any]) -> dict[str, Any]:
    """Every declared argument: the given value, checked, or its default.

    Of a list, each entry is one of `choices` and matches `pattern`; `minimum` and `maximum` are
    about how many there are.

    Raises:
        ArgumentError: for the first that is wrong.
    """
    others = {name: value for name, value in given.items() if name not in declared}
    if others and not isinstance(declared, Open):
        raise ArgumentError(_unknown(next(iter(others)), declared))
    return {name: _value(name, one, given) for name, one in declared.items()} | others


def mistakes(declared: Mapping[str, Argument], given: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with each argument that is, by its name; `bind` takes what has none."""
    found = {}
    if not isinstance(declared, Open):
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


def undeclared(declared: Mapping[str, Argument], given: Mapping[str, Any]) -> dict[str, str]:
    """What to know about each argument that is handed on although nobody declares it."""
    if not isinstance(declared, Open):
        return {}
    return {
        name: f"its class does not declare it, so it is handed on unchecked{_near(name, declared)}"
        for name in given
        if name not in declared
    }


def _unknown(name: str, declared: Mapping[str, Argument]) -> str:
    return f"unknown argument {name!r}{_suggestion(name, declared)}"


def _suggestion(name: str, declared: Mapping[str, Argument]) -> str:
    if near := _near(name, declared):
        return near
    if declared:
        return f"; the converter knows {', '.join(sorted(declared))}"
    return "; the converter has no arguments"


def _near(name: str, declared: Mapping[str, Argument]) -> str:
    near = difflib.get_close_matches(name, declared, n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


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
    if argument.pattern:
        _check_pattern(name, argument.pattern, value)
    size, found = value, f"is {value!r}"
    if isinstance(value, list):
        size, found = len(value), f"has {len(value)} entries"
    if argument.minimum is not None and size < argument.minimum:
        raise ArgumentError(f"argument {name!r} {found}; at least {argument.minimum}")
    if argument.maximum is not None and size > argument.maximum:
        raise ArgumentError(f"argument {name!r} {found}; at most {argument.maximum}")
    if argument.check is not None:
        try:
            argument.check(value)
        except (Reject, ValueError) as error:
            hint = error.hint if isinstance(error, Reject) else ""
            raise ArgumentError(f"{error}; {hint}".removesuffix("; ")) from error


def _check_choices(name: str, argument: Argument, value: Any) -> None:  # noqa: ANN401 - theirs
    choices = ", ".join(map(str, argument.choices))
    for one in value if isinstance(value, list) else [value]:
        if one not in argument.choices:
            verb = "holds" if isinstance(value, list) else "is"
            raise ArgumentError(f"argument {name!r} {verb} {one!r}; it must be one of {choices}")


def _check_pattern(name: str, pattern: str, value: Any) -> None:  # noqa: ANN401 - theirs
    try:
        known = re.compile(pattern)
    except re.error as error:
        raise ArgumentError(
            f"the converter declares argument {name!r} with the pattern {pattern!r}, "
            f"which is no regular expression: {error}"
        ) from error
    for one in value if isinstance(value, list) else [value]:
        if not isinstance(one, str) or not known.fullmatch(one):
            verb = "holds" if isinstance(value, list) else "is"
            raise ArgumentError(f"argument {name!r} {verb} {one!r}; it must match {pattern}")
