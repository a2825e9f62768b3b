"""XJTAG's logs: samples, and what they do not show."""

from __future__ import annotations

import io
import json
import logging
import struct
import uuid
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.converters.api import Context, Reject, Source, Station
from pywats_trio.converters.standard.xjtag import archive
from pywats_trio.converters.standard.xjtag.converter import Xjtag
from pywats_trio.reports.limits import MAX_NESTED_STEPS
from pywats_trio.reports.model import Defaults
from tests import samples
from tests.samples import Sample, convert_bytes, disagreements, outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.reports.model import Finding

SAMPLES = [*samples.samples("xjtag"), *samples.samples("hostile", ".xjlog")]
INFO = "<LogFileInfo><Version>1</Version><TestRunCount>{}</TestRunCount></LogFileInfo>"
EPOCH = (2026, 1, 1, 0, 0, 0)


def function(name: str = "f", inner: str = "", result: str = '<result value="Passed"/>') -> str:
    return f"<testfunction name={quoteattr(name)}>{inner}{result}</testfunction>"


def group(*functions: str, name: str = "g") -> str:
    return f"<testgroup name={quoteattr(name)}>{''.join(functions)}</testgroup>"


def a_run(
    body: str = "",
    serial: str = "S-1",
    start: str = "2026-03-02T09:00:00.1234567Z",
    header: str = "<result>Passed</result>",
) -> str:
    return (
        f'\ufeff<?xml version="1.0" encoding="utf-8"?>\n<testrun datetime="{start}">{body}'
        f"<testruninfo><serial>{serial}</serial>{header}</testruninfo></testrun>"
    )


def zipped(members: Mapping[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive; of the same members always the same bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, content in members.items():
            packed.writestr(zipfile.ZipInfo(name, EPOCH), content, compress_type=method)
    return file.getvalue()


def log(*runs: str, count: object = None, **others: str | bytes) -> bytes:
    """A log of these runs, the last first, as real ones are in no order."""
    numbered = {f"Run {number}.xml": text for number, text in enumerate(runs, 1)}
    announced = INFO.format(len(runs) if count is None else count)
    return zipped({**dict(reversed(numbered.items())), "Info.xml": announced, **others})


def patched(data: bytes, name: str, at: int, value: bytes) -> bytes:
    """The archive with other bytes in the entry of its table of contents for `name`."""
    entry = data.rindex(name.encode()) - 46
    assert data[entry : entry + 4] == b"PK\x01\x02"
    return data[: entry + at] + value + data[entry + at + len(value) :]


def converted(data: bytes, **arguments: Any) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    (encoded,) = convert_bytes(Xjtag(), data, arguments=arguments)
    return json.loads(encoded.body), encoded.findings


def refusal(data: bytes) -> str:
    with pytest.raises(Reject) as raised:
        convert_bytes(Xjtag(), data)
    return raised.value.why


def step(inner: str = "", result: str = '<result value="Passed"/>') -> dict[str, Any]:
    body, _findings = converted(log(a_run(group(function("f", inner, result)))))
    found: dict[str, Any] = body["root"]["steps"][0]["steps"][0]
    return found


def notes(data: bytes) -> list[str]:
    """What the converter itself has to say, without what it assumes of every file."""
    _body, findings = converted(data, part_number="P", process_code=30)
    return [finding.message for finding in findings if "WATS documentation" not in finding.message]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_ends_as_expected(sample: Sample) -> None:
    result = outcome(Xjtag(), sample)
    if isinstance(result, Reject):
        assert sample.refused, result.why
    else:
        assert not sample.refused
        assert disagreements(result, sample.expected) == []
        assert Xjtag().detect(sample.source(Xjtag())) >= 0.9


def test_the_suite_sees_samples_that_are_converted_and_refused() -> None:
    ours = [sample for sample in SAMPLES if sample.path.is_relative_to(samples.OURS)]
    assert len(ours) >= 5
    assert {sample.refused for sample in ours} == {True, False}


def test_the_header_is_in_the_report() -> None:
    header = (
        "<project-description>Board</project-description><user>op</user>"
        "<xjlink-name>XJ</xjlink-name><xjlink-serial>77</xjlink-serial><time-taken>1500</time-taken>"
        "<xjtag-version>3.9</xjtag-version><lot>L7</lot><result>Failed</result>"
    )
    info = INFO.format(1).replace("</L", "<ProjectPath>C:\\p.xjp</ProjectPath></L")
    data = zipped({"Info.xml": info, "Run 1.xml": a_run(group(function()), header=header)})
    body, _findings = converted(data, part_number="P-1", revision="B", process_code=30)
    assert (body["pn"], body["rev"], body["sn"], body["processCode"]) == ("P-1", "B", "S-1", 30)
    assert (body["machineName"], body["result"]) == ("XJ", "F")
    assert body["start"] == "2026-03-02T09:00:00.1234567Z"
    assert body["uut"] == {"user": "op", "execTime": 1.5, "comment": "Board"}
    assert body["root"]["seqCall"]["path"] == "C:\\p.xjp"
    assert [[m["description"], m["text"]] for m in body["miscInfos"]] == [
        ["XJLink serial", "77"],
        ["XJTAG version", "3.9"],
        ["lot", "L7"],
    ]


def test_a_name_of_the_link_that_is_empty_leaves_the_station_to_the_arguments() -> None:
    data = log(a_run(header="<xjlink-name/><result>Passed</result>"))
    assert converted(data, station="ST")[0]["machineName"] == "ST"


@pytest.mark.parametrize(
    ("written", "sent"),
    [
        ("2026-03-02T09:00:00.1234567Z", "2026-03-02T09:00:00.1234567Z"),
        ("2026-03-02T09:00:00.1234567", "2026-03-02T09:00:00.1234567Z"),
        ("2026-03-02 09:00:00,5+02:00", "2026-03-02T09:00:00.5+02:00"),
    ],
)
def test_a_start_keeps_its_digits_and_is_utc_where_it_says_nothing(written: str, sent: str) -> None:
    assert converted(log(a_run(start=written)))[0]["start"] == sent


def test_runs_come_in_the_order_of_their_numbers_and_one_at_a_time() -> None:
    texts = [a_run(serial=f"S-{n}") for n in range(1, 12)]
    texts[10] = "<"
    context = Context(
        {key: argument.default for key, argument in Xjtag.arguments.items()},
        *(Station(), logging.getLogger("test"), Path()),
    )
    reports = iter(Xjtag().convert(Source.from_bytes(log(*texts)), context))
    assert [
        next(reports).encode(Defaults(str(uuid.NAMESPACE_DNS))).serial_number for _ in range(10)
    ] == [f"S-{n}" for n in range(1, 11)]
    with pytest.raises(Reject, match=r"^Run 11\.xml: XML ends in the middle"):
        next(reports)


def test_runs_of_one_instant_and_one_serial_number_are_reports_each() -> None:
    bodies = [json.loads(one.body) for one in convert_bytes(Xjtag(), log(a_run(), a_run()))]
    assert [(body["sn"], body["start"]) for body in bodies] == [
        ("S-1", "2026-03-02T09:00:00.1234567Z")
    ] * 2


def test_a_run_that_is_not_announced_is_sent_with_a_finding() -> None:
    first, second = convert_bytes(Xjtag(), log(a_run(), a_run(serial="S-2"), count=1))
    assert second.serial_number == "S-2"
    message = 'Info.xml announces 1 runs; "Run 2.xml" is sent besides'
    assert message in [finding.message for finding in second.findings]
    assert message not in [finding.message for finding in first.findings]


def test_members_that_nobody_reads_are_told_once() -> None:
    found = convert_bytes(Xjtag(), log(a_run(), a_run(), **{"9_1": b"", "Run 1.checksum": b""}))
    said = [
        [one.message for one in report.findings if "members" in one.message] for report in found
    ]
    assert said == [['members of the log are not sent: "9_1" (1 in all)'], []]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        *(("Passed", "P"), ("Failed", "F"), ("Skipped", "S"), ("passed", "P")),
        *(("Error", "E"), ("Aborted", "T"), ("Perhaps", "D"), ("", "D")),
    ],
)
def test_a_function_has_the_status_of_its_word(word: str, status: str) -> None:
    data = log(a_run(group(function("f", result=f'<result value="{word}"/>'))))
    (sequence,) = converted(data)[0]["root"]["steps"]
    (one,) = sequence["steps"]
    assert (one["stepType"], one["status"]) == ("ET_PFT", status)
    letter = {"E": "F", "T": "F"}.get(status, status)
    assert one.get("booleanMeas") == (None if status == "D" else [{"status": letter}])
    assert any("D (done) is sent" in note for note in notes(data)) is (status == "D")


def test_a_group_is_as_its_worst_function_and_may_hold_groups() -> None:
    failed = function("x", result="<result>Failed</result>")
    body, _ = converted(log(a_run(group(function(), group(failed, name="in")) + function("o"))))
    outer, last = body["root"]["steps"]
    assert (outer["name"], outer["status"]) == ("g", "F")
    assert [(s["name"], s["status"]) for s in outer["steps"]] == [("f", "P"), ("in", "F")]
    assert (last["name"], last["stepType"]) == ("o", "ET_PFT")


@pytest.mark.parametrize(
    ("header", "result", "note"),
    [
        ("<result>Failed</result>", "F", ""),
        ("<result>Aborted</result>", "T", ""),
        ("<result>Skipped</result>", "E", '"Skipped" of the run is no word known here: E is sent'),
        ("<result/>", "P", "the run has no result"),
        ("", "P", "the run has no result"),
    ],
)
def test_a_run_that_is_not_known_to_be_passed_is_not_sent_as_passed(
    header: str, result: str, note: str
) -> None:
    data = log(a_run(group(function()), header=header))
    assert converted(data)[0]["result"] == result
    said = notes(data)
    assert len(said) == bool(note)
    assert note in "".join(said)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12", 0.012), (" 0 ", 0.0), ("1.5", 0.0015), ("", None), ("-1", None), ("1e999", None)],
)
def test_a_time_is_in_milliseconds(text: str, seconds: float | None) -> None:
    inner = f"<time-taken>{text}</time-taken>"
    data = log(a_run(group(function("f", inner)), header=f"<result>Passed</result>{inner}"))
    body, _findings = converted(data)
    assert body["root"]["steps"][0]["steps"][0].get("totTime") == seconds
    assert body["uut"].get("execTime") == seconds
    said = [note for note in notes(data) if "no time in milliseconds" in note]
    assert len(said) == (2 if text in ("-1", "1e999") else 0)


def output(text: str, kind: str = "UserText") -> str:
    return f'<text-output output-type="{kind}">{escape(text)}</text-output>'


def markup(text: str, inline: object = False) -> str:
    return f'<html-output lines="0" inline="{inline}"><![CDATA[{text}]]></html-output>'


def test_texts_are_joined_by_line_ends_and_inline_html_stays_in_its_line() -> None:
    inner = (
        markup("<a name=start></a>")
        + output("Testing ")
        + markup("<a href='x'>IC5 &amp; IC6</a>", inline=True)
        + output("...\nIC5 is fine\n")
        + output("f passed", "Pass")
        + output("\n")
        + output("last", "Warning")
        + markup("<h2>Short</h2><p>1 error<br />2 < 3</p>")
    )
    assert step(inner)["reportText"] == (
        "Testing IC5 & IC6...\nIC5 is fine\nf passed\nlast\nShort\n1 error\n2 < 3"
    )


def test_plain_text_says_all_and_what_it_does_not_say_follows_it() -> None:
    plain = "<plain-text>IC5 &amp;\n  ok\nError: D0\n</plain-text>"
    double = output("IC5 &amp;\nok\n") + markup("<b>Error</b>")
    assert step(double + plain)["reportText"] == "IC5 &\n  ok\nError: D0"
    assert step(double + output("more") + plain)["reportText"] == "IC5 &\n  ok\nError: D0\nmore"
    assert step("<plain-text>a</plain-text><plain-text>b</plain-text>")["reportText"] == "a\nb"


def test_a_function_that_has_written_nothing_has_no_text() -> None:
    assert "reportText" not in step(output(" \n") + markup("<a name=b></a>"))
    assert "reportText" not in step("<plain-text/>")


def test_texts_of_groups_and_of_the_run_are_those_of_the_sequences() -> None:
    inner = group(output("in the group") + function())
    root = converted(log(a_run(output("skipped") + inner + "<header>H</header>")))[0]["root"]
    assert root["reportText"] == "skipped\nH"
    assert root["steps"][0]["reportText"] == "in the group"


def test_what_is_not_sent_is_found() -> None:
    inner = "<circuit-refs/><circuit-refs/><conntest-errors>No errors</conntest-errors>"
    body = group(function("f", inner))
    data = log(a_run(body + "<rig x='1'/><summary/>"), **{"9_1": b"x", "9_2": b"y"})
    assert notes(data) == [
        "circuit-refs (line 2, 2 in all) has no place in WATS",
        "rig (line 2, 1 in all) has no place in WATS",
        "the times of this run are only in the HTML of its summary and are not sent",
        'members of the log are not sent: "9_1" (2 in all)',
    ]


def test_an_attribute_or_an_element_of_the_header_that_nobody_knows_is_found() -> None:
    data = log(a_run(group(function()).replace("<testf", "<testf", 1), header="<a><b/></a>"))
    assert "a (line 2, 1 in all) has no place in WATS" in notes(data)
    assert notes(log(a_run('<testgroup name="g" lot="1"/>'))) == [
        "testgroup @lot (line 2, 1 in all) has no place in WATS"
    ]
    errors = "<conntest-errors><error/></conntest-errors>"
    assert notes(log(a_run(group(function("f", errors))))) == [
        "conntest-errors (line 2, 1 in all) has no place in WATS"
    ]


GROUPS = "<testgroup name='g'>" * MAX_NESTED_STEPS + "</testgroup>" * MAX_NESTED_STEPS


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a complete zip archive"),
        (b"PK\x03\x04", "not a complete zip archive"),
        (log(a_run())[:-30], "not a complete zip archive"),
        (zipped({"readme.txt": "x"}), "the archive has no Info.xml: it is no log of XJTAG"),
        (zipped({"Info.xml": "<x/>"}), "Info.xml: no LogFileInfo (line 1)"),
        (zipped({"Info.xml": "<x"}), "Info.xml: XML ends in the middle"),
        (log(count=0), "there is no run in the log"),
        (log(a_run(), count="-1"), 'Info.xml: TestRunCount "-1" is no number of runs'),
        (log(a_run(), count="\u0661"), 'TestRunCount "\u0661" is no number of runs'),
        (log(a_run(), count="9" * 5000), "is no number of runs"),
        (log(a_run(), count=999_999_999), '999999999 runs, "Run 2.xml" is missing'),
        (log("<other/>"), 'Run 1: the root element "other" is not "testrun" (line 1)'),
        (log("<testrun datetime='2026-03-02T09:00:00Z'/>"), "Run 1 has no testruninfo (line 1)"),
        (log(a_run(serial=" ")), "Run 1 has no serial number"),
        (log(a_run(), a_run(start="")), "Run 2 has no start time"),
        (log(a_run(start="yesterday")), 'datetime "yesterday" is no time, ISO 8601'),
        (log(a_run(start="2026-02-30T09:00:00Z")), "is no time, ISO 8601 is expected (line 2)"),
        (log(a_run(), a_run("<testgroup/>")), "Run 2: a testgroup without a name (line 2)"),
        (log(a_run(group("<testfunction/>"))), "a testfunction without a name (line 2)"),
        (log(a_run(GROUPS)), "more than 99 groups in each other (line 2)"),
        (log("<!DOCTYPE a>" + a_run()[40:]), "Run 1.xml: a DOCTYPE is not allowed (line 1)"),
        (log("\0" * 9), "Run 1.xml: the file holds only zero bytes"),
        (log(""), "Run 1.xml: the file is empty"),
        (
            log(a_run().replace("utf-8", "utf-9").removeprefix("\ufeff")),
            'Run 1.xml: the declared encoding "utf-9" is unknown (line 1)',
        ),
    ],
)
def test_a_refusal_says_where(data: bytes, why: str) -> None:
    assert why in refusal(data)


@pytest.mark.parametrize("declared", ["utf-9", "cp1252"])
def test_the_byte_order_mark_counts_whatever_is_declared(declared: str) -> None:
    data = log(a_run(serial="Å1").replace("utf-8", declared))
    assert converted(data)[0]["sn"] == "Å1"


def test_info_may_stand_within_another_element() -> None:
    info = f"<Log>{INFO.format(1)}</Log>"
    assert converted(zipped({"Info.xml": info, "Run 1.xml": a_run()}))[0]["sn"] == "S-1"


# What an archive may be made of.


def test_members_may_be_stored_deflated_and_in_zip64() -> None:
    stored = zipped({"Info.xml": INFO.format(1), "Run 1.xml": a_run()}, zipfile.ZIP_STORED)
    assert converted(stored)[0]["sn"] == "S-1"
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as packed:
        for name, text in (("Info.xml", INFO.format(1)), ("Run 1.xml", a_run())):
            with packed.open(zipfile.ZipInfo(name, EPOCH), "w", force_zip64=True) as member:
                member.write(text.encode())
    assert converted(file.getvalue())[0]["sn"] == "S-1"
    assert converted(b"#!stub" + stored)[0]["sn"] == "S-1"


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_are_packed_in_another_way_are_refused(method: int) -> None:
    data = zipped({"Info.xml": INFO.format(1), "Run 1.xml": a_run()}, method)
    assert f'"Info.xml" is packed with method {method}; 0 (stored) and 8' in refusal(data)
    unknown = patched(log(a_run()), "Run 1.xml", 10, struct.pack("<H", 99))
    assert '"Run 1.xml" is packed with method 99' in refusal(unknown)


def test_an_encrypted_member_is_refused() -> None:
    data = patched(log(a_run()), "Run 1.xml", 8, struct.pack("<H", 1))
    assert refusal(data) == '"Run 1.xml" is encrypted'


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_run_that_is_there_twice_is_refused() -> None:
    file = io.BytesIO(log(a_run()))
    with zipfile.ZipFile(file, "a") as packed:
        packed.writestr("Run 1.xml", a_run(serial="S-2"))
    assert refusal(file.getvalue()) == '"Run 1.xml" is in the archive 2 times'


def padded(size: int) -> str:
    text = a_run()
    return text + " " * (size - len(text.encode()))


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_a_run_has_at_most_so_many_bytes(more: int) -> None:
    data = log(padded(archive.RUN_BYTES + more))
    assert len(data) < 1 << 16
    if more > 0:
        assert refusal(data) == '"Run 1.xml" claims 16,777,217 bytes; 16,777,216 are read at most'
    else:
        assert converted(data)[0]["sn"] == "S-1"


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_info_has_at_most_so_many_bytes(more: int) -> None:
    info = INFO.format(1)
    info += " " * (archive.INFO_BYTES + more - len(info))
    data = zipped({"Info.xml": info, "Run 1.xml": a_run()})
    if more > 0:
        assert '"Info.xml" claims 65,537 bytes; 65,536 are read at most' in refusal(data)
        assert Xjtag().detect(Source.from_bytes(data)) < 0.9
    else:
        assert converted(data)[0]["sn"] == "S-1"
        assert Xjtag().detect(Source.from_bytes(data)) == 0.95


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_all_runs_together_claim_at_most_so_many_bytes(more: int) -> None:
    """Before a byte of any is read: the others claim what they are not."""
    text = a_run()
    data = log(text, text)
    claim = archive.ALL_RUNS_BYTES - len(text.encode()) + more
    data = patched(data, "Run 2.xml", 24, struct.pack("<I", claim))
    total = archive.ALL_RUNS_BYTES + more
    expected = f"the runs claim {total:,} bytes" if more > 0 else f'"Run 2.xml" claims {claim:,}'
    assert expected in refusal(data)


@pytest.mark.parametrize("more", [-1, 0, 1])
def test_the_table_of_contents_has_at_most_so_many_bytes(more: int) -> None:
    data = log(a_run())
    begin, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    wanted = archive.DIRECTORY_BYTES + more - (end - begin)
    sizes = [60_000] * (wanted // 60_000) + [wanted % 60_000]
    table = b"".join(
        b"PK\x01\x02" + bytes(28) + struct.pack("<H", size - 46) + bytes(12 + size - 46)
        for size in sizes
    )
    size = struct.pack("<I", end - begin + len(table))
    packed = data[:end] + table + data[end : end + 12] + size + data[end + 16 :]
    if more > 0:
        assert refusal(packed).startswith("not a complete zip archive: 4,194,305 bytes in one")
    else:
        assert converted(packed)[0]["sn"] == "S-1"


def test_a_member_that_claims_little_and_holds_much_costs_what_it_claims() -> None:
    data = log(padded(archive.RUN_BYTES))
    size = struct.pack("<I", len(a_run().encode()))
    lying = patched(data, "Run 1.xml", 24, size)
    assert refusal(lying) == "\"Run 1.xml\" cannot be read: Bad CRC-32 for file 'Run 1.xml'"


def test_what_climbs_out_of_the_folder_is_only_a_name() -> None:
    before = {*Path("..").iterdir()}
    assert notes(log(a_run(), **{"../../evil.txt": b"x"})) == [
        'members of the log are not sent: "../../evil.txt" (1 in all)'
    ]
    assert {*Path("..").iterdir()} == before


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (42, struct.pack("<I", 0xFFFFFFF0), "something at 4,294,967,280 of "),
        (20, struct.pack("<I", 1), "cannot be read"),  # its packed bytes are cut off
        (6, struct.pack("<H", 99), "zip file version 9.9"),
    ],
)
def test_a_damaged_member_is_refused(at: int, value: bytes, why: str) -> None:
    assert why in refusal(patched(log(a_run()), "Run 1.xml", at, value))


def test_a_member_that_has_another_name_where_it_lies_is_refused() -> None:
    assert "differ" in refusal(log(a_run()).replace(b"Run 1.xml", b"Run 2.xml", 1))


def test_a_table_of_contents_before_the_beginning_is_refused(tmp_path: Path) -> None:
    """Of a real file the system says so, of bytes in memory Python."""
    data = log(a_run())
    end = data.rindex(b"PK\x05\x06")
    broken = data[: end + 12] + struct.pack("<I", len(data) + 9) + data[end + 16 :]
    path = tmp_path / "cut.xjlog"
    path.write_bytes(broken)
    with path.open("rb") as file:
        source = Source(file, path=str(path), size=len(broken), mtime=0)
        with pytest.raises(Reject, match="not a complete zip archive"):
            samples.convert_source(Xjtag(), source)
        assert Xjtag().detect(source) == 0.6


def test_detect_reads_no_run() -> None:
    """Of one that could not be read nothing is seen."""
    broken = patched(log(a_run()), "Run 1.xml", 42, struct.pack("<I", 0xFFFFFFF0))
    assert Xjtag().detect(Source.from_bytes(broken)) == 0.95
    assert Xjtag().detect(Source.from_bytes(log(a_run())[:200])) == 0.6
    assert Xjtag().detect(Source.from_bytes(zipped({"Info.xml": "<Log/>"}))) == 0.6
    for other in (zipped({}), zipped({"a.txt": "x"})):
        assert Xjtag().detect(Source.from_bytes(other)) == 0.5
        assert Xjtag().detect(Source.from_bytes(other[:-1])) == 0
    assert Xjtag().detect(Source.from_bytes(b"<testrun/>")) == 0
    assert Xjtag().detect(Source.from_bytes(b"PK and more")) == 0


WORDS = st.sampled_from(["Passed", "Failed", "Skipped"])
TREES = st.recursive(
    st.tuples(st.text("abc <&\u00e5", min_size=1).filter(str.strip), WORDS),
    lambda inner: st.tuples(st.just("group"), st.lists(inner, max_size=3)),
    max_leaves=8,
)


def _written(tree: Any) -> str:
    name, inner = tree
    if isinstance(inner, list):
        return group(*map(_written, inner), name=name)
    return function(name, result=f'<result value="{inner}"/>')


def _shape(step: Mapping[str, Any]) -> Any:
    if "seqCall" in step:
        return step["name"], [_shape(one) for one in step.get("steps", [])]
    return step["name"], step["status"]


def _expected(tree: Any) -> Any:
    name, inner = tree
    if isinstance(inner, list):
        return name, [_expected(one) for one in inner]
    return name.strip(), inner[0]


@given(st.lists(st.tuples(st.just("group"), st.lists(TREES, max_size=3)), max_size=3))
def test_any_groups_and_functions_are_the_steps(trees: list[Any]) -> None:
    body, _findings = converted(log(a_run("".join(map(_written, trees)))))
    assert [_shape(one) for one in body["root"].get("steps", [])] == list(map(_expected, trees))
