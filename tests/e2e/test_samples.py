"""Every sample, dropped into a running service, ends as its expectations say."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from attrs import define, field, frozen
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.devserver import open_devserver
from pywats_trio.model import Kind
from pywats_trio.service.service import Service
from tests import samples
from tests.converters.test_samples import PLACE, WORDS
from tests.e2e.harness import write_config
from tests.e2e.site import PATIENCE, Site, recorded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.samples import Sample

FORMATS: Final = {
    "wats-json": [
        *samples.samples("wats-json"),
        *samples.samples("hostile", ".json"),
        *samples.samples("auto", ".json"),
    ],
    "wats-xml": [
        *samples.samples("wats-xml"),
        *samples.samples("hostile", ".xml"),
        *samples.samples("auto", ".xml"),
    ],
}
