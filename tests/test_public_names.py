"""What `from pywats_trio import …` offers: a change to this list is a change to the product."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import resources

import pytest

import pywats_trio

NAMES = [
    "Config",
    "ConfigError",
    "ConverterOptions",
    "Counts",
    "Event",
    "Events",
    "Finished",
    "HealthOptions",
    "InvalidInputError",
    "InvalidReport",
    "IpcOptions",
    "Item",
    "Kind",
    "LogOptions",
    "NotFoundError",
    "NotReady",
    "PartKeepsFailing",
    "PywatsTrioError",
    "QueueFull",
    "QueueOptions",
    "Reason",
    "ReloadFailed",
    "Report",
    "RetryOptions",
    "Role",
    "ServerOptions",
    "Service",
    "ServiceState",
    "ShutdownOptions",
    "StartError",
    "State",
    "StationOptions",
    "StoreError",
    "SupervisionOptions",
    "Who",
    "WorkerOptions",
    "open_service",
]


def test_the_names_are_those_that_were_promised() -> None:
    assert pywats_trio.__all__ == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_every_name_can_be_imported_and_is_documented(name: str) -> None:
    assert inspect.getdoc(getattr(pywats_trio, name))


def public_methods() -> list[str]:
    return [
        f"{name}.{method}"
        for name in NAMES
        for method, value in vars(getattr(pywats_trio, name)).items()
        if not method.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    ]


@pytest.mark.parametrize("path", public_methods())
def test_every_method_is_documented(path: str) -> None:
    name, _, method = path.partition(".")
    assert inspect.getdoc(getattr(getattr(pywats_trio, name), method))


def test_there_are_methods_to_look_at() -> None:
    assert "Service.submit" in public_methods()


def loaded(code: str) -> set[str]:
    """Modules of an interpreter that ran `code`."""
    told = f"{code}\nimport sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(ran.stdout.split())


def test_the_package_alone_loads_nothing() -> None:
    ours = {name for name in loaded("import pywats_trio") if name.startswith("pywats_trio")}
    assert ours == {"pywats_trio"}


def test_a_name_is_loaded_when_it_is_asked_for() -> None:
    assert "pywats_trio.model" in loaded("from pywats_trio import Item")
    assert "trio" not in loaded("from pywats_trio import Item, Config, Report, ConfigError")
    assert "trio" in loaded("from pywats_trio import open_service")


def test_a_star_takes_all_of_them() -> None:
    taken: dict[str, object] = {}
    exec("from pywats_trio import *", taken)
    assert set(NAMES) <= taken.keys()


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'open_servise'"):
        _ = getattr(pywats_trio, "open_servise")  # noqa: B009 - mypy knows that there is none


def test_dir_tells_them() -> None:
    assert set(NAMES) <= set(dir(pywats_trio))


def test_the_package_says_that_it_is_typed() -> None:
    assert (resources.files("pywats_trio") / "py.typed").is_file()
