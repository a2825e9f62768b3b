"""Through the whole service: what a hostile converter stores is its own trouble."""

from __future__ import annotations

import json
import os
import uuid
from typing import TYPE_CHECKING, Any, Final

import pytest
import trio
from attrs import evolve

from pywats_trio.config.options import Config, ConverterOptions
from pywats_trio.testing import default_config, open_test_service
from tests.sandbox.children import kernel_layers

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.testing.wats import Wats

LIAR: Final = """
import json
import uuid

from pywats_trio.converters import Converter, Report
from pywats_trio.worker.channel import Channel

put = Channel.put


def lie(channel, header, body=b""):
    if header["kind"] == "report":
        header = {**header, "report_id": str(uuid.uuid4())}
    put(channel, header, body)


class Liar(Converter):
    id = "liar"

    def convert(self, source, context):
        Channel.put = lie
        return [Report(json.loads(source.read_bytes()))]
"""
"""Stores each report under another id than the one that is in it."""


READER: Final = """
from pathlib import Path

from pywats_trio.converters import Converter, Reject


class Reader(Converter):
    id = "reader"

    def convert(self, source, context):
        raise Reject(Path(source.read_text()).read_text())
"""
"""Shows the file that its file names."""
STATION: Final = """
data_dir = "{folder}/data"
[server]
url = "http://127.0.0.1:9"
token = "dGVzdDp0ZXN0"
[workers]
max = 1
[[converters]]
name = "reader"
type = "{folder}/reader.py:Reader"
watch = "{folder}/files"
settle_seconds = 0.02
max_attempts = 1
[ipc]
enabled = false
[health]
port = 0
"""


def report(serial: str) -> dict[str, Any]:
    return {
        "type": "T",
        "id": str(uuid.uuid4()),
        "pn": "PN-1",
        "sn": serial,
        "rev": "A",
        "processCode": 10,
        "result": "P",
        "start": "2026-03-02T08:15:30.250+01:00",
        "location": "L",
        "purpose": "P",
        "machineName": "M",
        "uut": {"user": "u"},
        "root": {
            "id": 0,
            "group": "M",
            "status": "P",
            "stepType": "SequenceCall",
            "name": "Main",
            "seqCall": {"path": "p", "name": "n", "version": "1"},
        },
    }


async def test_a_report_under_a_forged_id_holds_up_nobody_elses(tmp_path: Path) -> None:
    code = tmp_path / "liar.py"
    code.write_text(LIAR)
    config = default_config(tmp_path)
    liar = ConverterOptions(
        name="liar", type=f"{code}:Liar", watch=tmp_path / "lies", settle_seconds=0.02
    )
    config = evolve(config, converters=(*config.converters, liar))
    async with open_test_service(tmp_path, config) as wats:
        (tmp_path / "lies" / "lie.json").write_text(json.dumps(report("lie")))
        with trio.fail_after(30):
            async for event in wats.service.events(0):
                if event.event == "failed":
                    break
        good = report("good")
        wats.drop("good.json", json.dumps(good).encode())
        with trio.fail_after(30):
            async for event in wats.service.events(0):
                if event.event == "delivered":
                    break
        assert await wats.server.body(good["id"]) is not None
        assert wats.service.state.value == "running"


@kernel_layers
@pytest.mark.parametrize("linked", [False, True])
async def test_the_configuration_with_the_token_in_it_is_read_by_no_converter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """Not even where Python's path lays its folder open; nor the file that a link stands for."""
    (tmp_path / "reader.py").write_text(READER)
    modules, others = tmp_path / "modules", tmp_path / "others"
    for folder in (modules, others):
        folder.mkdir()
        monkeypatch.syspath_prepend(folder)
        (folder / "station.toml").write_text(STATION.format(folder=tmp_path))
    named = tmp_path / "station.toml" if linked else modules / "station.toml"
    if linked:
        named.symlink_to(modules / "station.toml")
    async with open_test_service(tmp_path, Config.load(named)) as wats:
        wats.drop("1", os.fsencode(others / "station.toml"))
        assert "dGVzdDp0ZXN0" in await why_failed(wats)  # any other file there is laid open
        wats.drop("2", os.fsencode(modules / "station.toml"))
        assert "PermissionError" in await why_failed(wats, 2)


async def why_failed(wats: Wats, count: int = 1) -> str:
    """What is said of the last of so many files."""
    with trio.fail_after(30):
        async for event in wats.service.events(0):
            count -= event.event == "failed"
            if not count:
                return event.message
    raise AssertionError("the service ended")
