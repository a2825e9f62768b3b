"""Frames: what goes in comes out, however it is split, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.errors import FrameError
from pywats_trio.worker.frames import MAX_HEADER, MAX_PARTS, PREFIX, Frame, FrameDecoder, encode

TEXT = st.text(st.characters(exclude_categories=())) | st.text()
HEADERS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    TEXT, TEXT | st.integers() | st.booleans() | st.none() | st.lists(TEXT), max_size=5
)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=300)), max_size=5)


def decoded(decoder: FrameDecoder) -> list[Frame]:
    frames = []
    while (frame := decoder.next_frame()) is not None:
        frames.append(frame)
    return frames


@given(FRAMES, st.lists(st.integers(1, 50)))
def test_frames_survive_any_split(
    frames: list[tuple[dict[str, Any], bytes]], sizes: list[int]
) -> None:
    stream = b"".join(encode(header, body) for header, body in frames)
    decoder = FrameDecoder()
    found = []
    for size in [*sizes, len(stream) or 1]:
        decoder.feed(stream[:size])
        stream = stream[size:]
        found += decoded(decoder)
    decoder.feed(stream)
    assert found + decoded(decoder) == [Frame(header, body) for header, body in frames]
    assert decoder.pending == 0


@given(st.binary(max_size=200))
def test_any_bytes_end_in_frames_or_in_a_frame_error(data: bytes) -> None:
    decoder = FrameDecoder(max_header=64, max_body=64)
    decoder.feed(data)
    try:
        frames = decoded(decoder)
    except FrameError:
        return
    assert all(isinstance(frame.header, dict) for frame in frames)
    assert decoder.pending <= PREFIX.size + 128


@pytest.mark.parametrize(("size", "refused"), [(99, False), (100, False), (101, True)])
def test_a_body_has_a_limit_on_both_sides(size: int, refused: bool) -> None:
    frame = encode({}, bytes(size))
    decoder = FrameDecoder(max_body=100)
    decoder.feed(frame)
    if refused:
        with pytest.raises(FrameError, match="at most 100"):
            decoder.next_frame()
        with pytest.raises(FrameError, match="at most 100"):
            encode({}, bytes(size), max_body=100)
    else:
        assert decoder.next_frame() == Frame({}, bytes(size))
        assert encode({}, bytes(size), max_body=100) == frame


@pytest.mark.parametrize(("more", "refused"), [(-1, False), (0, False), (1, True)])
def test_a_header_has_a_limit_on_both_sides(more: int, refused: bool) -> None:
    overhead = len(json.dumps({"k": ""}, separators=(",", ":")))
    header = {"k": "x" * (MAX_HEADER - overhead + more)}
    if refused:
        with pytest.raises(FrameError, match="header"):
            encode(header)
    else:
        decoder = FrameDecoder()
        decoder.feed(encode(header))
        assert decoder.next_frame() == Frame(header, b"")


@pytest.mark.parametrize(("more", "refused"), [(-1, False), (0, False), (1, True)])
def test_the_parts_of_a_header_have_a_limit_on_both_sides(more: int, refused: bool) -> None:
    header = {"k": (MAX_PARTS + more - 3) * "," + "[{"}  # and the one that it begins with
    head = json.dumps(header, separators=(",", ":")).encode()
    decoder = FrameDecoder()
    decoder.feed(PREFIX.pack(len(head), 0) + head)
    if refused:
        with pytest.raises(FrameError, match="50001 parts"):
            decoder.next_frame()
        with pytest.raises(FrameError, match="50001 parts"):
            encode(header)
    else:
        assert decoder.next_frame() == Frame(header, b"")
        assert encode(header)


def test_a_length_beyond_the_limit_is_refused_before_its_bytes_come() -> None:
    decoder = FrameDecoder()
    decoder.feed(PREFIX.pack(MAX_HEADER + 1, 0))
    with pytest.raises(FrameError):
        decoder.next_frame()


@pytest.mark.parametrize(
    "head", [b"", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'{"n":' + b"9" * 5000 + b"}"]
)
def test_a_header_that_is_no_object_is_a_frame_error(head: bytes) -> None:
    decoder = FrameDecoder()
    decoder.feed(PREFIX.pack(len(head), 0) + head)
    with pytest.raises(FrameError):
        decoder.next_frame()
