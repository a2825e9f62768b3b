"""What `import pywats_client` finds inside a worker.

With `pywats-api`: its own modules. Its packages `pywats_client` and `pywats_client.core` import
services, a command line and PySide6 on the way to a base class, so each of the two is replaced by
an empty package with the same folder; what lies in it is found and loaded as it is. Others, which
take long, wait until they are needed (`deferred`). Without `pywats-api`: the stand-ins in `shims`,
which are enough for classes that need no more than the base classes.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.converters.pywats.deferred import defer
from pywats_trio.converters.pywats.shims import models
from pywats_trio.errors import LoadError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.pywats import shims

ROOT: Final = "pywats_client"
_CONVERTERS: Final = f"{ROOT}.converters"
_SHIMS: Final = f"{__package__}.shims"
_MODULES: Final = (
    "base",
    "context",
    "conversion_log",
    "file_converter",
    "folder_converter",
    "models",
    "sandbox",
    "scheduled_converter",
)
"""Of `pywats_client.converters`, and of `shims`, under the same names."""

_ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "CSVConverter",
            "ConversionStatus",
            "ConverterArguments",
            "ConverterBase",
            "ConverterResult",
            "FileInfo",
            "PostProcessAction",
        ),
        f"{_CONVERTERS}.base",
    ),
    **dict.fromkeys(
        (
            "ClientError",
            "ConverterConfigError",
            "ConverterError",
            "FileAccessError",
            "FileFormatError",
        ),
        f"{ROOT}.exceptions",
    ),
}
"""What `pywats_client` re-exports for converters, and where it is."""
_DEFERRED: Final[Mapping[str, Mapping[str, str]]] = {
    "pywats": {},
    "pywats.core": {},
    _CONVERTERS: {
        **dict.fromkeys(models.__all__, f"{_CONVERTERS}.models"),
        "ConverterBase": f"{_CONVERTERS}.base",
        "ConverterContext": f"{_CONVERTERS}.context",
        "FileConverter": f"{_CONVERTERS}.file_converter",
        "FolderConverter": f"{_CONVERTERS}.folder_converter",
        "ScheduledConverter": f"{_CONVERTERS}.scheduled_converter",
    },
}
"""Packages that take long to import, and what they pass on that a converter needs."""


@frozen
class Names:
    """What the adapter itself uses of pyWATS."""

    FileConverter: type[shims.FileConverter]
    FolderConverter: type[shims.FolderConverter]
    ScheduledConverter: type[shims.ScheduledConverter]
    ConverterBase: type[shims.ConverterBase]
    ConverterArguments: type[shims.ConverterArguments]
    ConverterContext: type[shims.ConverterContext]
    ConverterSource: type[shims.ConverterSource]
    ConverterResult: type[shims.ConverterResult]
    ConversionLog: type[shims.ConversionLog]
    FileInfo: type[shims.FileInfo]


def names() -> Names:
    """The classes that the user's code was written against, once `provided`."""
    found: dict[str, Any] = {}
    for module in ("base", "context", "conversion_log", "models"):
        found |= vars(importlib.import_module(f"{_CONVERTERS}.{module}"))
    for module in ("file_converter", "folder_converter", "scheduled_converter"):
        found |= vars(importlib.import_module(f"{_CONVERTERS}.{module}"))
    return Names(**{name: found[name] for name in Names.__annotations__})


@contextmanager
def provided() -> Iterator[None]:
    """`pywats_client` can be imported, from now on.

    Raises:
        LoadError: what is imported inside needs more of pyWATS than there is.
    """
    if ROOT not in sys.modules:
        spec = importlib.util.find_spec(ROOT)
        if spec is not None and spec.submodule_search_locations:
            _open()
        else:
            _stand_in()
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"pywats", ROOT}:
            raise
        raise LoadError(
            f"it imports {error.name}, which is not there; "
            "install pywats-api beside the service: pip install 'pywats-trio[pywats]'"
        ) from error


def _open() -> None:
    defer(ROOT, _ELSEWHERE, for_ever=True)
    defer(f"{ROOT}.core", {}, for_ever=True)
    for name, elsewhere in _DEFERRED.items():
        defer(name, elsewhere)
    # pyWATS keeps its logs of conversions below the home folder, where a worker may not write.
    os.environ.setdefault("HOME", tempfile.gettempdir())


def _stand_in() -> None:
    package = importlib.import_module(_SHIMS)
    root = importlib.import_module(f"{_SHIMS}.client")
    exceptions = importlib.import_module(f"{_SHIMS}.exceptions")
    sys.modules[ROOT] = root
    sys.modules[_CONVERTERS] = package
    sys.modules[f"{ROOT}.exceptions"] = exceptions
    vars(root).update(converters=package, exceptions=exceptions)
    for name in _MODULES:
        sys.modules[f"{_CONVERTERS}.{name}"] = importlib.import_module(f"{_SHIMS}.{name}")
