"""From where a converter is found to the converter itself, inside the limits."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from importlib.machinery import SourceFileLoader
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pywats_trio.converters.api import Converter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import CodeType, ModuleType


class LoadError(Exception):
    """What was found under a converter's name is no converter; one sentence."""


@frozen
class Where:
    """Where a converter is: `attribute` of `module`, or of the file `file` if that is set."""

    module: str
    file: str
    attribute: str


def load(where: Where) -> Converter:
    """Import and make the converter.

    Raises:
        LoadError: there is no such class, or it is no `Converter`.
        BaseException: whatever the import of somebody else's code ends with.
    """
    module = _from_file(where.file) if where.file else importlib.import_module(where.module)
    found = getattr(module, where.attribute, None)
    if found is None:
        raise LoadError(f"{where.file or where.module} has no class {where.attribute!r}")
    if not (isinstance(found, type) and issubclass(found, Converter)):
        raise LoadError(f"{where.attribute!r} is no subclass of pywats_trio.converters.Converter")
    if not isinstance(getattr(found, "id", None), str) or not found.id:
        raise LoadError(
            f"the class {where.attribute!r} has no id; give it one, such as id = 'my-id'"
        )
    return found()


class _FromSource(SourceFileLoader):
    """Reads what the file says now: a bytecode cache knows an edit by the second and the size."""

    def get_code(self, fullname: str) -> CodeType:
        """As `SourceFileLoader`, but always compiled."""
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)


def _from_file(path: str) -> ModuleType:
    name = f"pywats_trio_custom_{abs(hash(path)):x}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_FromSource(name, path))
    if spec is None or spec.loader is None:
        raise LoadError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def describe(converter: Converter) -> dict[str, Any]:
    """What a converter says about itself, as JSON takes it."""
    return {
        "id": converter.id,
        "version": str(converter.version),
        "patterns": [str(pattern) for pattern in converter.patterns],
        "arguments": _describe_arguments(converter.arguments),
    }


def _describe_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "type": argument.type.__name__,
            "default": _plain(argument.default),
            "help": argument.help,
            "choices": [_plain(choice) for choice in argument.choices],
            "minimum": argument.minimum,
            "maximum": argument.maximum,
            "required": argument.required,
        }
        for name, argument in arguments.items()
    }


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)
