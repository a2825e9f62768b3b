"""Saying what it may not say: frames in the worker's place."""

# ruff: noqa: TID251
from __future__ import annotations

import json
import os
import socket
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from tests.attacks.tricks.ground import FOREVER, frame, framed

if TYPE_CHECKING:
    from tests.attacks.tricks.ground import Ground

MIB: Final = 1 << 20
_REJECTED: Final = {"kind": "rejected", "why": "forged", "hint": "", "size": 1, "mtime_ns": 0}
_DONE: Final = {"kind": "done", "sha256": "0" * 64, "size": 1, "mtime_ns": 0}


def _report(**more: Any) -> dict[str, Any]:
    return {
        "kind": "report",
        "report_id": str(uuid.uuid4()),
        "serial_number": "forged",
        "part_number": "forged",
        "result": "P",
        "start": "2026-01-01T00:00:00Z",
        "findings": [],
        **more,
    }


def _say(ground: Ground, data: bytes) -> None:
    """Say it and wait for what becomes of that."""
    ground.job().sendall(data)
    time.sleep(FOREVER)


def _go_on_saying(ground: Ground, data: bytes) -> None:
    link = ground.job()
    while True:
        link.sendall(data)


def _told(header: dict[str, Any], body: bytes = b"", *, job: int = 1) -> bytes:
    return frame({"job": job, **header}, body)


# What is no frame


def say_nonsense(ground: Ground) -> None:
    """send bytes that are no frame"""
    _say(ground, b"\xff" * 64)


def say_no_json(ground: Ground) -> None:
    """send a frame that is no JSON"""
    _say(ground, framed(b"{]"))


def claim_a_huge_header(ground: Ground) -> None:
    """announce a header of 4 GiB"""
    _say(ground, b"\xff\xff\xff\xff\0\0\0\0")


def claim_a_huge_body(ground: Ground) -> None:
    """announce a report of 4 GiB"""
    _say(ground, b"\0\0\0\2\xff\xff\xff\xff{}")


def stall(ground: Ground) -> None:
    """send half a frame"""
    _say(ground, b"\0\0\0\x10\0\0\0\0{")


# What it was not asked


def answer_another_job(ground: Ground) -> None:
    """answer with another job's number"""
    _say(ground, _told(_REJECTED, job=99))


def describe_itself(ground: Ground) -> None:
    """answer with a description in place of reports"""
    described = {"id": "x", "version": "1", "patterns": ["*"], "arguments": {}, "reads": ""}
    _say(ground, _told({"kind": "described", **described, "mistakes": [], "notes": []}))


def be_certain(ground: Ground) -> None:
    """answer how sure it is in place of reports"""
    _say(ground, _told({"kind": "detected", "certainty": 1.0}))


def be_ready_again(ground: Ground) -> None:
    """say once more that the worker is ready"""
    _say(ground, _told({"kind": "ready"}))


def be_loaded_again(ground: Ground) -> None:
    """say once more that the converter is loaded, and is another version"""
    _say(ground, _told({"kind": "loaded", "version": "forged"}))


def go_on_after_the_end(ground: Ground) -> None:
    """go on after the last frame of its answer"""
    _say(ground, _told(_REJECTED) + b"more")


# Forged reports


def forge_a_report_id(ground: Ground) -> None:
    """send a report whose id is a path"""
    _say(ground, _told(_report(report_id="../../etc/passwd"), b"x"))


def repeat_a_report(ground: Ground) -> None:
    """send one report twice"""
    _say(ground, 2 * _told(_report(), b"x"))


def miscount_reports(ground: Ground) -> None:
    """announce more reports than it sent"""
    _say(ground, _told(_report(), b"x") + _told({**_DONE, "reports": 2}))


def send_huge_reports(ground: Ground) -> None:
    """send the largest report that may be, again and again"""
    link = ground.job()
    while True:
        link.sendall(_told(_report(), b"x" * (4 * MIB)))


# What is slow to read


def nest_deeply(ground: Ground) -> None:
    """send JSON that is nested 100,000 deep"""
    _say(ground, framed(b'{"job":1,"kind":' + b"[" * 100_000))


def nest_just_below(ground: Ground) -> None:
    """send JSON that is nested as deep as may be"""
    head = b'{"job":1,"kind":' + b"[" * 40_000 + b"]" * 40_000 + b"}"
    _say(ground, framed(head))


def send_a_giant_integer(ground: Ground) -> None:
    """send an integer of a million digits"""
    _say(ground, framed(b'{"job":1,"kind":' + b"9" * 1_000_000 + b"}"))


def send_a_giant_fraction(ground: Ground) -> None:
    """send a fraction of a million digits"""
    ground.job().sendall(
        framed(b'{"job":1,"kind":"progress","fraction":0.' + b"9" * 1_000_000 + b"}")
    )


def send_rich_json(ground: Ground) -> None:
    """send JSON of hundreds of thousands of values"""
    head = b'{"job":1,"kind":"progress","fraction":0.5,"x":[' + b"[],{}," * 170_000 + b"0]}"
    _say(ground, framed(head))


def send_controls(ground: Ground) -> None:
    """log without end what has to be escaped character by character"""
    told = {"job": 1, "kind": "log", "level": "INFO", "message": "\x7f" * 1_000_000}
    _go_on_saying(ground, framed(json.dumps(told, ensure_ascii=False).encode()))


def send_tiny_frames(ground: Ground) -> None:
    """send tiny frames without end"""
    _go_on_saying(ground, 1000 * _told({"kind": "progress", "fraction": 0.5}))


def send_log_records(ground: Ground) -> None:
    """send log records without end"""
    _go_on_saying(ground, 100 * _told({"kind": "log", "level": "INFO", "message": "x"}))


def send_byte_by_byte(ground: Ground) -> None:
    """send a large report byte by byte"""
    head = json.dumps({"job": 1, **_report()}).encode()
    link = ground.job()
    link.sendall(len(head).to_bytes(4, "big") + (2 * MIB).to_bytes(4, "big") + head)
    while True:
        link.sendall(b"x")


# The connection


def hang_up(ground: Ground) -> None:
    """close the job socket for good, and stay"""
    ground.job().shutdown(socket.SHUT_RDWR)
    time.sleep(FOREVER)


def close_everything(_ground: Ground) -> None:
    """close every descriptor that it has, and stay"""
    for number in range(256):
        try:
            os.close(number)
        except OSError:
            continue
    time.sleep(FOREVER)


def speak_to_the_terminal(_ground: Ground) -> None:
    """put terminal escapes and reversed text into its error"""
    raise ValueError("\x1b]0;owned\x07\x1b[2J\u202egpj.exe")
