"""The fixtures `wats` and `wats_config` for tests that pytest-trio runs.

A plugin: `pytest_plugins = ["pywats_trio.testing.fixtures"]` in `conftest.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.testing.wats import Wats, default_config, open_test_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.config.options import Config


@pytest.fixture
def wats_config(tmp_path: Path) -> Config:
    """The configuration of `wats`; a test module may define its own fixture of this name."""
    return default_config(tmp_path / "wats")


@pytest.fixture
async def wats(tmp_path: Path, wats_config: Config) -> AsyncIterator[Wats]:
    """A service in a temporary folder with a development server, drained after the test."""
    async with open_test_service(tmp_path / "wats", wats_config) as running:
        yield running
