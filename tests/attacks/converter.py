"""A converter that does what its file says: an attack, or its work."""

from __future__ import annotations

import json
import os
import signal
from typing import TYPE_CHECKING

from pywats_trio.converters import Context, Converter, Report, Source
from tests.attacks.tricks import reach, say, stay, take
from tests.attacks.tricks.ground import Ground

if TYPE_CHECKING:
    from collections.abc import Iterable

TRICKS = {**vars(reach), **vars(take), **vars(say), **vars(stay)}


class Attacker(Converter):
    """`{"attack": name, …}` is an attack, `wait` waits for ever; anything else is a good file."""

    id = "attacker"

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        text = source.read_text()
        if text == "wait":
            context.logger.info("%d", os.getpid())
            signal.pause()
        if text.startswith("{"):
            told = json.loads(text)
            TRICKS[told["attack"]](Ground(told, os.fspath(context.scratch)))
            return [report("worked")]
        return [report(source.name)]


def report(serial: str) -> Report:
    return Report(
        {
            "type": "T",
            "pn": "PN-1",
            "sn": serial,
            "rev": "A",
            "processCode": 10,
            "result": "P",
            "start": "2026-03-02T08:15:30.250+01:00",
            "root": {"status": "P", "stepType": "SequenceCall", "name": "Main"},
        }
    )
