"""A small good configuration, and a way to load a text as a file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

from pywats_trio.config.load import Loaded, load_with_places
from pywats_trio.config.mistakes import InvalidConfig

if TYPE_CHECKING:
    from pathlib import Path

GOOD = '[server]\nurl = "https://wats.example.com"\n'
CONVERTER = '[[converters]]\nname = "ict"\ntype = "wats-json"\nwatch = "drop"\n'

Load = Callable[..., Loaded]
Problems = Callable[..., list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Loads a text as `station.toml`, with nothing else in the environment."""

    def load(
        text: str,
        environ: Mapping[str, str] | None = None,
        *,
        name: str = "station.toml",
        instance: str | None = None,
        log_level: str | None = None,
    ) -> Loaded:
        file = tmp_path / name
        file.write_text(text, "utf-8")
        return load_with_places(file, environ=environ or {}, instance=instance, log_level=log_level)

    return load


@pytest.fixture
def problems(load_text: Load, tmp_path: Path) -> Problems:
    """The lines of the error for a text, without the folder of the file; none if it is good."""

    def tell(text: str, environ: Mapping[str, str] | None = None, **more: str) -> list[str]:
        try:
            load_text(text, environ, **more)
        except InvalidConfig as error:
            return str(error).replace(f"{tmp_path}/", "").splitlines()
        return []

    return tell
