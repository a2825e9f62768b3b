"""Through the whole service: what a hostile converter stores is its own trouble."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import evolve

from pywats_trio.config.options import ConverterOptions
from pywats_trio.testing import default_config, open_test_service

if TYPE_CHECKING:
    from pathlib import Path

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
            while await wats.server.body(good["id"]) is None:  # noqa: ASYNC110 - it is not told
                await trio.sleep(0.01)
        assert wats.service.state.value == "running"
