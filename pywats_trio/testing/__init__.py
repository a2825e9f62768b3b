"""For the tests of programs that embed the service: a real one, with a WATS server to send to.

Without pytest: `async with open_test_service(folder) as wats: ...`. With it, the fixture `wats`:
write `pytest_plugins = ["pywats_trio.testing.fixtures"]` in `conftest.py` and install
`pywats-trio[testing]`.

And for the tests of authors of converters: `convert(file, MyConverter)` gives its reports,
`assert_report(report, facts)` says what is wrong with one, `assert_sample(file, MyConverter)` does
both for a file with its `expected.json` beside it.
"""

from __future__ import annotations

from pywats_trio.devserver import DevServer, Fault, open_devserver
from pywats_trio.testing.convert import convert
from pywats_trio.testing.facts import assert_report, assert_sample
from pywats_trio.testing.wats import Wats, default_config, open_test_service

__all__ = [
    "DevServer",
    "Fault",
    "Wats",
    "assert_report",
    "assert_sample",
    "convert",
    "default_config",
    "open_devserver",
    "open_test_service",
]
