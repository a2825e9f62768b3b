"""Failed items as files: complete, never over anybody else's, and the same however often."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from pywats_trio.model import Event, Kind, State
from pywats_trio.queue.failed import sync, tidy, write
from tests.commands.kit import make_item

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.model import Item

ID = "0b0e3a2c-0000-4000-8000-000000000001"
BODY = b'{"pn": "\xc3\xa4",\n "odd": 1}'
HISTORY = [
    Event(1, 1_769_763_600.0, 7, "stored", State.PENDING, None, None, "", "", ""),
    Event(2, 1_769_763_601.5, 7, "failed", State.FAILED, None, 1, "deliver", "rejected", "no"),
]


def report(number: int = 7, **more: Any) -> Item:
    facts = {"report_id": ID, "correlation_id": "c7", "finished_at": 1_769_763_601.5}
    return make_item(number, state=State.FAILED, **{**facts, **more})


def told(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_report_is_written_as_it_was_stored_with_all_that_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "failed"
    item = report(
        last_error="no such part",
        error_kind="rejected",
        error_hint="make the part",
        evidence="HTTP 400",
        sha256="ab" * 32,
        attempts=1,
    )
    path = write(folder, item, BODY, HISTORY)
    sync(folder)
    assert path == folder / f"{ID}.error.json"
    assert sorted(content(folder)) == [f"{ID}.error.json", f"{ID}.wsjf"]
    assert (folder / f"{ID}.wsjf").read_bytes() == BODY
    assert told(path) == {
        "what": "the report was not delivered",
        "why": "no such part",
        "when": "2026-01-30T09:00:01.500Z",
        "converter": "c",
        "correlation_id": "c7",
        "item_id": 7,
        "source": "/in/a.json",
        "error_kind": "rejected",
        "what_to_do": "make the part",
        "sha256": "ab" * 32,
        "evidence": "HTTP 400",
        "state": "FAILED",
        "report_id": ID,
        "serial_number": "SN-1",
        "part_number": "PN-1",
        "attempts": 1,
        "file": str(folder / f"{ID}.wsjf"),
        "history": [
            {"at": "2026-01-30T09:00:00.000Z", "event": "stored", "state": "PENDING"},
            {
                "at": "2026-01-30T09:00:01.500Z",
                "event": "failed",
                "state": "FAILED",
                "attempts": 1,
                "who": "deliver",
                "error_class": "rejected",
                "message": "no",
            },
        ],
    }


def test_of_a_file_there_is_only_what_is_known_and_where_it_lies(tmp_path: Path) -> None:
    item = make_item(
        9,
        Kind.FILE,
        State.QUARANTINED,
        source="/in/Error/a\udcff.txt",
        original="/in/a\\xff.txt",
        last_error="it ended \udcff its worker",
        finished_at=1.0,
    )
    path = write(tmp_path, item, None, [])
    assert list(content(tmp_path)) == ["item-9.error.json"]
    assert path.name == "item-9.error.json"
    found = told(path)
    assert found["what"] == "the file was set aside, so nothing of it was sent"
    assert (found["file"], found["source"]) == ("/in/Error/a\\udcff.txt", "/in/a\\xff.txt")
    assert found["why"] == "it ended \\udcff its worker"
    assert found["what_to_do"].startswith("see `why`")


def test_a_report_that_is_not_stored_any_more_says_so(tmp_path: Path) -> None:
    found = told(write(tmp_path, report(), None, []))
    assert list(content(tmp_path)) == [f"{ID}.error.json"]
    assert found["file"] is None


@pytest.mark.parametrize("state", [State.FAILED, State.QUARANTINED])
@pytest.mark.parametrize("kind", Kind)
def test_every_kind_of_end_has_its_words(tmp_path: Path, kind: Kind, state: State) -> None:
    found = told(write(tmp_path, make_item(1, kind, state, finished_at=1.0), None, []))
    assert found["what"].startswith(f"the {kind.value} was ")
    assert found["what_to_do"]


def test_written_again_it_is_the_same(tmp_path: Path) -> None:
    write(tmp_path, report(), BODY, HISTORY)
    before = content(tmp_path)
    write(tmp_path, report(), BODY, HISTORY)
    assert content(tmp_path) == before


def test_what_a_crash_left_is_gone_on_with(tmp_path: Path) -> None:
    write(tmp_path, report(), BODY, HISTORY)
    before = content(tmp_path)
    (tmp_path / f"{ID}.error.json").unlink()
    (tmp_path / f".{ID}.error.json.0123.tmp").write_bytes(b"half")
    write(tmp_path, report(), BODY, HISTORY)
    tidy(tmp_path)
    assert content(tmp_path) == before


def test_there_is_nothing_to_tidy_where_there_is_no_folder(tmp_path: Path) -> None:
    tidy(tmp_path / "none")


def test_another_item_under_the_same_name_gets_the_next_one(tmp_path: Path) -> None:
    first = report(7)
    others = [
        report(8, correlation_id="c8"),
        report(7, correlation_id="of another queue"),
    ]
    for item in (first, *others, first, *others):
        write(tmp_path, item, BODY, HISTORY)
    assert sorted(content(tmp_path)) == sorted(
        f"{ID}{number}.{ending}" for number in ("", "-2", "-3") for ending in ("wsjf", "error.json")
    )
    ids = [told(tmp_path / f"{ID}{number}.error.json")["item_id"] for number in ("", "-2", "-3")]
    assert ids == [7, 8, 7]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        (f"{ID}.wsjf", b"something else"),
        (f"{ID}.wsjf", b""),
        (f"{ID}.error.json", b"no JSON"),
        (f"{ID}.error.json", b"[]"),
        (f"{ID}.error.json", b'{"item_id": 7}'),
        (f"{ID}.error.json", b'{"item_id": 7, "correlation_id": "another"}'),
    ],
)
def test_a_file_of_somebody_else_is_never_written_over(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    path = write(tmp_path, report(), BODY, HISTORY)
    assert (tmp_path / name).read_bytes() == data
    assert path.name == f"{ID}-2.error.json"
    assert told(path)["file"] == str(tmp_path / f"{ID}-2.wsjf")
    assert (tmp_path / f"{ID}-2.wsjf").read_bytes() == BODY


def test_a_report_that_somebody_has_changed_stays_as_it_is_and_ours_is_written_beside_it(
    tmp_path: Path,
) -> None:
    write(tmp_path, report(), BODY, HISTORY)
    (tmp_path / f"{ID}.wsjf").write_bytes(b"mended by hand")
    write(tmp_path, report(), BODY, HISTORY)
    assert (tmp_path / f"{ID}.wsjf").read_bytes() == b"mended by hand"
    assert (tmp_path / f"{ID}-2.wsjf").read_bytes() == BODY


@pytest.mark.parametrize(
    ("report_id", "stem"),
    [(ID, ID), ("", "item-7"), ("../../etc/x", "item-7"), ("a" * 65, "item-7"), ("-rf", "item-7")],
)
def test_an_id_that_is_no_name_of_a_file_is_not_used_as_one(
    tmp_path: Path, report_id: str, stem: str
) -> None:
    path = write(tmp_path / "failed", report(report_id=report_id), BODY, [])
    assert path == tmp_path / "failed" / f"{stem}.error.json"


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "failed").write_bytes(b"")
    with pytest.raises(OSError, match="failed"):
        write(tmp_path / "failed", report(), BODY, [])
    with pytest.raises(OSError, match="failed"):
        sync(tmp_path / "failed")


def test_an_item_that_was_brought_back_and_failed_once_more_is_told_anew(tmp_path: Path) -> None:
    write(tmp_path, report(last_error="first"), BODY, HISTORY)
    path = write(tmp_path, evolve(report(), last_error="second"), BODY, HISTORY)
    assert told(path)["why"] == "second"
    assert len(content(tmp_path)) == 2
