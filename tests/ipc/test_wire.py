"""Frames: whatever the pieces they come in, and whatever is in them."""

from __future__ import annotations

import contextlib
import itertools
import json
import struct
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pywats_trio.errors import FrameError
from pywats_trio.ipc import wire
from pywats_trio.ipc.wire import MAX_FRAME, BadJson, Decoder

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters())
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
MESSAGES = st.dictionaries(st.text(), VALUES, max_size=5)


def framed(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body


def decoded(*pieces: bytes) -> list[wire.Message]:
    decoder, messages = Decoder(), []
    for piece in pieces:
        decoder.feed(piece)
        while (message := decoder.next_message()) is not None:
            messages.append(message)
    return messages


@unhurried
@given(messages=st.lists(MESSAGES, max_size=6), data=st.data())
def test_messages_are_the_same_however_their_bytes_are_split(
    messages: list[dict[str, Any]], data: st.DataObject
) -> None:
    stream = b"".join(map(wire.encode, messages))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=12)))
    edges = [0, *cuts, len(stream)]
    pieces = [stream[a:b] for a, b in itertools.pairwise(edges)]
    assert decoded(*pieces) == messages


@unhurried
@given(messages=st.lists(MESSAGES, min_size=1, max_size=3))
def test_messages_come_one_byte_at_a_time(messages: list[dict[str, Any]]) -> None:
    stream = b"".join(map(wire.encode, messages))
    assert decoded(*(bytes([byte]) for byte in stream)) == messages


@unhurried
@given(noise=st.binary(max_size=200))
def test_noise_is_a_message_or_a_frame_error_and_nothing_else(noise: bytes) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    try:
        while (message := decoder.next_message()) is not None:
            assert isinstance(message, dict)
    except FrameError:
        pass


@unhurried
@given(body=st.binary(max_size=60))
def test_what_follows_bad_json_is_understood(body: bytes) -> None:
    decoder = Decoder()
    decoder.feed(framed(b"{" + body) + wire.encode({"a": 1}))
    with contextlib.suppress(BadJson):
        decoder.next_message()
    assert decoder.next_message() == {"a": 1}


def message_of(size: int) -> dict[str, str]:
    """A message whose JSON has `size` bytes."""
    return {"a": "x" * (size - len('{"a":""}'))}


@pytest.mark.parametrize("size", [MAX_FRAME - 1, MAX_FRAME])
def test_a_message_up_to_the_limit_is_encoded_and_decoded(size: int) -> None:
    frame = wire.encode(message_of(size))
    assert len(frame) == 4 + size
    assert decoded(frame) == [message_of(size)]


def test_a_message_above_the_limit_is_not_encoded() -> None:
    with pytest.raises(FrameError, match=r"1048577 bytes does not fit .* 1048576"):
        wire.encode(message_of(MAX_FRAME + 1))


@pytest.mark.parametrize("length", [MAX_FRAME + 1, 2**31, 2**32 - 1])
def test_a_longer_frame_is_refused_before_its_body_is_read(length: int) -> None:
    decoder = Decoder()
    decoder.feed(struct.pack(">I", length))
    with pytest.raises(FrameError, match=f"a frame of {length} bytes") as caught:
        decoder.next_message()
    assert not isinstance(caught.value, BadJson)


def test_a_head_of_three_bytes_is_waited_for() -> None:
    decoder = Decoder()
    decoder.feed(struct.pack(">I", MAX_FRAME + 1)[:3])
    assert decoder.next_message() is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"nonsense",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": 1} {}',
        b'{"a": ' + b"[" * 500_000 + b"]" * 500_000 + b"}",
        b'{"a":' * 150_000 + b"1" + b"}" * 150_000,
        b'{"a": ' + b"9" * 5_000 + b"}",
    ],
    ids=[
        "nothing",
        "cut",
        "words",
        "nan",
        "infinity",
        "minus infinity",
        "no UTF-8",
        "a byte order mark",
        "UTF-16",
        "two values",
        "a bomb of lists",
        "a bomb of objects",
        "a number of 5000 digits",
    ],
)
def test_a_frame_without_json_is_skipped(body: bytes) -> None:
    decoder = Decoder()
    decoder.feed(framed(body) + wire.encode({"a": 1}))
    with pytest.raises(BadJson, match=r"^Invalid JSON: "):
        decoder.next_message()
    assert decoder.next_message() == {"a": 1}


@pytest.mark.parametrize("body", [b"[]", b"1", b"null", b'"text"', b"true", b'[{"a": 1}]'])
def test_json_that_is_no_object_ends_the_stream(body: bytes) -> None:
    decoder = Decoder()
    decoder.feed(framed(body))
    with pytest.raises(FrameError, match="must be a JSON object") as caught:
        decoder.next_message()
    assert not isinstance(caught.value, BadJson)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_json_is_not_written(number: float) -> None:
    with pytest.raises(FrameError, match="cannot be written as JSON"):
        wire.encode({"a": number})


def test_a_message_that_is_nested_too_deeply_is_not_written() -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(FrameError, match="cannot be written as JSON"):
        wire.encode({"a": nested})


@pytest.mark.parametrize("held", [MAX_FRAME + 3, MAX_FRAME + 4])
def test_a_decoder_is_full_with_one_frame(held: int) -> None:
    decoder = Decoder()
    decoder.feed(bytes(held))
    assert decoder.full is (held >= MAX_FRAME + 4)


def test_a_frame_is_a_big_endian_length_and_json() -> None:
    assert wire.encode({"a": "ä"}) == b"\x00\x00\x00\x0e" + rb'{"a":"\u00e4"}'


@pytest.mark.parametrize("version", ["2.0", "2.1", "2.9", "2", "2.10", 2.0, 2.1, 2])
def test_a_version_from_two_on_is_understood(version: object) -> None:
    assert wire.understood({"protocol_version": version})


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ("1.9", "1.9"),
        ("1.0", "1.0"),
        ("0", "0"),
        ("3.0", "3.0"),
        ("10.0", "10.0"),
        ("2.", "2."),
        ("2.x", "2.x"),
        ("2.²", "2.²"),
        ("\uff12.0", "\uff12.0"),
        ("2.1.1", "2.1.1"),
        (" 2.0", " 2.0"),
        ("2.0\n", "2.0\n"),
        ("", ""),
        ("9" * 5000, "9" * 5000),
        (None, "NoneType"),
        ([2, 0], "list"),
        (True, "True"),
        (1e300, "1e+300"),
    ],
)
def test_another_version_is_not(version: object, told: str) -> None:
    message = {"protocol_version": version}
    assert not wire.understood(message)
    assert wire.version_of(message) == told


def test_a_message_without_a_version_is_of_version_one() -> None:
    assert wire.version_of({}) == "1.0"
    assert not wire.understood({})


def test_a_response_has_every_field() -> None:
    assert wire.success("7", {"a": 1}) == {
        "success": True,
        "data": {"a": 1},
        "error": None,
        "error_code": None,
        "request_id": "7",
        "protocol_version": "2.1",
    }
    assert wire.failure("7", "no", "not_ready", retry_after=1.5) == {
        "success": False,
        "data": None,
        "error": "no",
        "error_code": "not_ready",
        "retry_after": 1.5,
        "request_id": "7",
        "protocol_version": "2.1",
    }


@pytest.mark.parametrize("character", ["x", "\0", "ä", "\U0001f600", "\ud800"])
def test_the_longest_error_fits_into_a_frame(character: str) -> None:
    message = wire.failure("1" * 256, character * 3_000_000, "failed")
    told = json.loads(wire.encode(message)[4:])["error"]
    assert len(told) == wire.LONGEST_ERROR
    told.encode()
