"""Ways to break bytes. Each is a pure function of a random generator and the bytes."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from random import Random
from typing import Final, TypeAlias

Change: TypeAlias = Callable[[Random, bytes], bytes]

MOST: Final = 1 << 20
"""Bytes that a repetition may make of a file."""
_NUMBER: Final = re.compile(rb"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?")
_WORD: Final = re.compile(rb"[A-Za-z_]{2,}")
_MARKS: Final = re.compile(rb"""["'(){}\[\]<>;,:=/|*&%\t-]""")
_LINE: Final = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n)?")
_ENDS: Final = (b"\n", b"\r\n", b"\r", b"", b"\n\n", b"\x0b", b"\x0c", b"\x85", b"\xe2\x80\xa8")
_ENCODINGS: Final = (
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
    ("utf-32-le", codecs.BOM_UTF32_LE),
    ("utf-32-be", codecs.BOM_UTF32_BE),
    ("utf-8", codecs.BOM_UTF8),
    ("cp1252", b""),
    ("latin-1", b""),
    ("utf-7", b""),
)
_UNUSUAL_DIGITS: Final = (
    "\u0663",  # Arabic-Indic
    "\u00b3",  # superscript, a digit but no decimal
    "\u00bd",  # a half
    "\u2167",  # Roman
    "\uff11\uff12",  # full width
    "\u22125",  # a minus sign
    "1\u00a0000",
    "\u07c1",  # from right to left
)
ODD_NUMBERS: Final = tuple(
    text.encode()
    for text in (
        *("", " ", "0", "-0", "-1", "00", "+5", "1.", ".5", "-", ".", "1,5", "1.234,5", "1 000"),
        *("nan", "NaN", "inf", "-inf", "Infinity", "1e999", "-1e999", "1e-999", "1E+99999999"),
        *("9" * 40, "9" * 5000, "0." + "3" * 400, "9223372036854775808", "4294967296"),
        *("1e", "1e+", "0x10", "1_000", "1d5", "1M", "5MEG"),
        *_UNUSUAL_DIGITS,
    )
)
ODD_WORDS: Final = tuple(
    text.encode("utf-8", "surrogatepass")
    for text in (
        *("", " ", "a", "NaN", "null", "None", "true", "PASS", "FAIL", "ERROR", "END", "0", "%s"),
        *("\u00e5\u6f22\U0001f600", "\ud800", "\ufffe", "\u202e", "\u0130", "\u00df", "x" * 3000),
        *("../../etc/passwd", "/", "\\", "&amp;", "&#0;", "]]>", "<!--", "${x}", "{0}", "\x00"),
    )
)


def _span(random: Random, data: bytes, most: int = 200) -> tuple[int, int]:
    """Where a piece begins and ends."""
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + random.randint(1, most))


def cut_the_end(random: Random, data: bytes) -> bytes:
    return data[: random.randrange(len(data) + 1)]


def cut_the_start(random: Random, data: bytes) -> bytes:
    return data[random.randrange(len(data) + 1) :]


def cut_a_piece(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data, random.choice((1, 10, 200, 5000)))
    return data[:start] + data[end:]


def double_a_piece(random: Random, data: bytes) -> bytes:
    start, end = _span(random, data, random.choice((1, 10, 200, 5000)))
    return data[:end] + data[start:end] + data[end:]


def swap_two_pieces(random: Random, data: bytes) -> bytes:
    a, b, c, d = sorted(random.randrange(len(data) + 1) for _ in range(4))
    return data[:a] + data[c:d] + data[b:c] + data[a:b] + data[d:]


def flip_bits(random: Random, data: bytes) -> bytes:
    broken = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 30))):
        broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
    return bytes(broken)


def set_bytes(random: Random, data: bytes) -> bytes:
    broken = bytearray(data)
    for _ in range(random.choice((1, 1, 3, 30))):
        broken[random.randrange(len(broken))] = random.choice((0, 9, 10, 13, 32, 34, 127, 128, 255))
    return bytes(broken)


def insert_zeros(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + bytes(random.choice((1, 2, 512, 4096))) + data[at:]


def insert_noise(random: Random, data: bytes) -> bytes:
    at = random.randrange(len(data) + 1)
    return data[:at] + random.randbytes(random.choice((1, 4, 64))) + data[at:]


# Lines


def _lines(data: bytes) -> list[bytes]:
    return [line for line in _LINE.findall(data) if line] or [b""]


def drop_lines(random: Random, data: bytes) -> bytes:
    lines = _lines(data)
    start = random.randrange(len(lines))
    del lines[start : start + random.choice((1, 1, 2, 10))]
    return b"".join(lines)


def double_a_line(random: Random, data: bytes) -> bytes:
    lines = _lines(data)
    at = random.randrange(len(lines))
    lines.insert(random.choice((at, random.randrange(len(lines) + 1))), lines[at])
    return b"".join(lines)


def swap_two_lines(random: Random, data: bytes) -> bytes:
    lines = _lines(data)
    a, b = random.randrange(len(lines)), random.randrange(len(lines))
    lines[a], lines[b] = lines[b], lines[a]
    return b"".join(lines)


def merge_two_lines(random: Random, data: bytes) -> bytes:
    lines = _lines(data)
    at = random.randrange(len(lines))
    lines[at] = lines[at].rstrip(b"\r\n")
    return b"".join(lines)


def empty_a_line(random: Random, data: bytes) -> bytes:
    lines = _lines(data)
    at = random.randrange(len(lines))
    lines[at] = random.choice((b"\n", b" \n", b"\t\n", b"\x1a\n"))
    return b"".join(lines)


def end_lines_otherwise(random: Random, data: bytes) -> bytes:
    end = random.choice(_ENDS)
    return b"".join(line.rstrip(b"\r\n") + end for line in _lines(data))


# Words and numbers


def _replaced(random: Random, data: bytes, what: re.Pattern[bytes], by: bytes) -> bytes:
    """Some of what matches, replaced."""
    found = [match.span() for match in what.finditer(data)]
    if not found:
        return data
    chosen = random.sample(found, min(len(found), random.choice((1, 1, 1, 5, len(found)))))
    parts, at, room = [], 0, max(0, MOST - len(data))
    for start, end in sorted(chosen):
        room -= len(by)
        if room < 0:
            break
        parts += [data[at:start], by]
        at = end
    return b"".join([*parts, data[at:]])


def replace_numbers(random: Random, data: bytes) -> bytes:
    return _replaced(random, data, _NUMBER, random.choice(ODD_NUMBERS))


def replace_words(random: Random, data: bytes) -> bytes:
    others = _WORD.findall(data) or [b""]
    return _replaced(random, data, _WORD, random.choice((*ODD_WORDS, *others[:200])))


def drop_marks(random: Random, data: bytes) -> bytes:
    return _replaced(random, data, _MARKS, b"")


def replace_marks(random: Random, data: bytes) -> bytes:
    return _replaced(random, data, _MARKS, random.choice(_MARKS.findall(data) or [b""]))


def double_marks(random: Random, data: bytes) -> bytes:
    mark = random.choice(_MARKS.findall(data) or [b";"])
    return data.replace(mark, 2 * mark, random.choice((1, 5, -1)))


# The whole


def encode_otherwise(random: Random, data: bytes) -> bytes:
    """In another encoding, with a mark or without one, or with one that lies."""
    text = _text(data)
    encoding, mark = random.choice(_ENCODINGS)
    if random.random() < 0.3:
        mark = random.choice(_ENCODINGS)[1]
    return random.choice((mark, b"")) + text.encode(encoding, "replace")


def _text(data: bytes) -> str:
    for encoding, mark in _ENCODINGS[:5]:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def repeat_a_piece(random: Random, data: bytes) -> bytes:
    """So often that the file has a megabyte: long lines, many rows, deep nesting."""
    start, end = _span(random, data, random.choice((1, 20, 300)))
    piece = random.choice((data[start:end], random.choice(_MARKS.findall(data) or [b" "]))) or b" "
    times = random.choice((100, 3000, MOST)) // len(piece)
    times = min(times, max(0, MOST - len(data)) // len(piece))
    return data[:start] + times * piece + data[start:]


ALL: Final[tuple[Change, ...]] = (
    *(cut_the_end, cut_the_start, cut_a_piece, double_a_piece, swap_two_pieces),
    *(flip_bits, set_bytes, insert_zeros, insert_noise),
    *(drop_lines, double_a_line, swap_two_lines, merge_two_lines, empty_a_line),
    *(end_lines_otherwise, encode_otherwise, repeat_a_piece),
    *(replace_numbers, replace_numbers, replace_words, replace_words),
    *(drop_marks, replace_marks, double_marks),
)


def broken(random: Random, data: bytes) -> bytes:
    """Bytes that are broken in one way, or in a few."""
    for _ in range(random.choice((1, 1, 1, 1, 2, 3))):
        if not data:
            break
        data = random.choice(ALL)(random, data)
    return data
