"""`queue`: its options, its exit codes and its pages, over the queue of a stopped service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import trio
from click.testing import CliRunner

from pywats_trio.cli.main import cli
from pywats_trio.cli.queue import look
from pywats_trio.cli.queue.ages import age
from pywats_trio.cli.queue.filters import arguments
from pywats_trio.cli.queue.group import queue
from pywats_trio.cli.queue.show import page
from pywats_trio.model import Delivered, Envelope, Failed, Kind, Problem, Reason, Wait
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service.lock import instance_lock
from tests.contract.kit import a_report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result

NOW = 1_769_763_600.0
AT = "2026-01-30T08:59:00.000Z"


class Shop:
    """A queue with four reports: 1 delivered, 2 failed, 3 waits for the server, 4 waits."""

    def __init__(self, folder: Path, *, ipc: str = "") -> None:
        self.config = folder / "config.toml"
        self.data = folder / "data"
        ipc = ipc or f"socket = {json.dumps(str(folder / 's'))}"
        self.config.write_text(
            f"data_dir = {json.dumps(str(self.data))}\n"
            f'[server]\nurl = "http://127.0.0.1:9"\n[ipc]\n{ipc}\n'
        )

    def fill(self, *more: Envelope) -> None:
        trio.run(self._fill, more)

    async def _fill(self, more: tuple[Envelope, ...]) -> None:
        self.data.mkdir()
        async with open_store(self.data / "queue.db") as store:
            await store.put([a_report(serial_number=f"SN-{n}") for n in range(1, 4)])
            for outcome in (
                Delivered("thanks"),
                Failed(Problem("rejected", "no such part", "make the part")),
                Wait(3600, Reason.SERVER, Problem("timeout", "no answer")),
            ):
                [claim] = await store.claim(Kind.REPORT, 1, "x")
                await store.finish(claim, outcome)
            await store.put([a_report(serial_number="SN-4"), *more])

    def __call__(self, *arguments: object) -> Result:
        return CliRunner().invoke(
            cli,
            ["--config", str(self.config), "queue", *map(str, arguments)],
            prog_name="pywats-trio",
        )

    def ids(self, *filters: str) -> list[int]:
        done = self("ls", "--json", *filters)
        assert done.exit_code == 0, done.output
        return [item["id"] for item in json.loads(done.stdout)["items"]]


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.fill()
    return shop


# Options


def test_only_what_was_given_is_asked_for_and_a_zero_is_given() -> None:
    given = {"older_than": 0.0, "after": 0, "states": ("HELD",), "ids": (1,), "dry_run": True}
    missing: dict[str, Any] = {"kind": None, "reason": None, "yes": False, "other": ()}
    asked = arguments({**given, **missing})
    assert asked == {**given, "states": ["HELD"], "ids": [1]}
    assert json.dumps(asked)


FILTERS = {
    "--kind file": [],
    "--state failed": [2],
    "--state FAILED --state PENDING": [4, 2],
    "--reason server": [3],
    "--converter ict": [4, 3, 2, 1],
    "--error-class rejected": [2],
    "--serial SN-3": [3],
    "--text sn-": [4, 3, 2, 1],
    "--text such": [2],
    "--older-than 0s": [4, 3, 2, 1],
    "--older-than 1h": [],
    "--newer-than 2d": [4, 3, 2, 1],
    "--newer-than 0": [],
    "--oldest": [1, 2, 3, 4],
}


@pytest.mark.parametrize("options", FILTERS)
def test_every_filter_chooses(shop: Shop, options: str) -> None:
    assert shop.ids(*options.split()) == FILTERS[options]


@pytest.mark.parametrize("option", ["--converter", "--error-class", "--serial", "--text"])
@pytest.mark.parametrize("command", [["ls"], ["rm", "--yes", "--kind", "report"], ["retry"]])
def test_an_empty_variable_of_a_script_does_not_come_to_mean_everything(
    shop: Shop, command: list[str], option: str
) -> None:
    done = shop(*command, option, "")
    assert done.exit_code == 2
    assert "it is empty; leave it out, or give it a value" in done.stderr
    assert shop.ids() == [4, 3, 2, 1]


WRONG = [
    ["show"],
    ["show", "0"],
    ["show", str(2**63)],
    ["ls", "--limit", "0"],
    ["ls", "--after", str(2**63)],
    ["ls", "--older-than", "1 hour"],
    ["ls", "--older-than", "-1"],
    ["ls", "--state", "LOST"],
    ["retry"],
    ["hold", "x"],
    ["release", "0"],
    ["priority"],
    ["priority", "0", "1"],
    ["priority", "11", "1"],
    ["priority", "1"],
    ["rm", "--yes"],
    ["rm", "1"],
    ["clear"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_wrong_call_ends_with_2_and_changes_nothing(shop: Shop, arguments: list[str]) -> None:
    before = shop("ls", "--json").stdout
    done = shop(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert shop("ls", "--json").stdout == before


@pytest.mark.parametrize("command", queue.list_commands(None))  # type: ignore[arg-type]  # unused
def test_every_command_has_a_help_with_a_sentence_and_json(shop: Shop, command: str) -> None:
    done = shop(command, "--help")
    assert done.exit_code == 0
    assert "--json" in done.stdout
    assert len(done.stdout.split("\n\n")[1].strip()) > 10


# What is said of a change


class Change(NamedTuple):
    """A call, its exit code, how many it changed, and what it says."""

    call: str
    code: int
    changed: int
    out: str
    err: str = ""


CHANGES = [
    Change("retry 2", 0, 1, "1 retried\n"),
    Change("retry 2 3", 0, 2, "2 retried\n"),
    Change("retry 1", 1, 0, "0 retried\n", "item 1 is COMPLETED\n"),
    Change("retry 9", 21, 0, "0 retried\n", "there is no item 9 in the queue\n"),
    Change(
        "retry 1 9 2",
        21,
        1,
        "1 retried\n",
        "item 1 is COMPLETED\nthere is no item 9 in the queue\n",
    ),
    Change("retry --kind file", 0, 0, "0 retried\n"),
    Change("hold --state PENDING", 0, 1, "1 held\n"),
    Change("hold 4 --serial SN-3", 1, 0, "0 held\n", "item 4 is not what the filter means\n"),
    Change("release --state HELD", 0, 0, "0 released\n"),
    Change("priority 1 4", 0, 1, "1 set to priority 1\n"),
    Change("priority 10 --kind report", 0, 2, "2 set to priority 10\n"),
    Change("rm 4 --yes", 0, 1, "1 removed\n"),
    Change("rm 9 --yes", 21, 0, "0 removed\n", "there is no item 9 in the queue\n"),
    Change("rm --text such --yes", 0, 1, "1 removed\n"),
    Change("rm --kind report --dry-run", 0, 4, "4 would be removed\n"),
    Change("clear --yes", 0, 2, "2 removed\n"),
    Change("clear --dry-run --all", 0, 4, "4 would be removed\n"),
    Change("clear --all --yes", 0, 4, "4 removed\n"),
    Change("clear --newer-than 0 --yes", 0, 0, "0 removed\n"),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.call)
def test_what_was_changed_is_said_and_the_exit_code_says_it_too(shop: Shop, change: Change) -> None:
    done = shop(*change.call.split())
    assert (done.exit_code, done.stdout, done.stderr) == (change.code, change.out, change.err)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.call)
def test_with_json_it_is_one_document_and_nothing_else(shop: Shop, change: Change) -> None:
    done = shop(*change.call.split(), "--json")
    assert (done.exit_code, done.stderr) == (change.code, "")
    told = json.loads(done.stdout)
    assert told.keys() == {"changed", "missing", "skipped", "skipped_count"}
    assert told["changed"] == change.changed
    assert told["skipped_count"] == len(told["skipped"]) == change.err.count("\n")


def test_what_waits_is_cleared_only_with_all(shop: Shop) -> None:
    done = shop("clear", "--state", "PENDING", "--yes")
    assert (done.exit_code, done.stdout) == (22, "")
    assert "(everything, --all)" in done.stderr
    assert shop("clear", "--state", "PENDING", "--all", "--yes").stdout == "1 removed\n"


@pytest.mark.parametrize("command", ["rm 4", "clear"])
@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_without_a_terminal_what_destroys_needs_yes(
    shop: Shop, command: str, as_json: list[str]
) -> None:
    done = shop(*command.split(), *as_json)
    name = command.split(maxsplit=1)[0]
    assert done.stderr == (
        f"`pywats-trio queue {name}` removes items for good, with their payload and their history; "
        "add --yes\n"
    )


def test_of_many_that_are_passed_over_the_first_are_named(shop: Shop) -> None:
    done = shop("hold", *range(5, 5 + 105))
    lines = done.stderr.splitlines()
    assert (len(lines), lines[-1]) == (101, "and 5 more")


# Where it is done


def test_with_local_control_off_the_queue_of_a_stopped_service_is_worked_on(
    tmp_path: Path,
) -> None:
    shop = Shop(tmp_path, ipc="enabled = false")
    shop.fill()
    assert shop("hold", 4).stdout == "1 held\n"
    with instance_lock(shop.data):
        done = shop("release", 4)
    assert (done.exit_code, done.stdout) == (30, "")
    assert shop("release", 4).stdout == "1 released\n"


def test_a_broken_configuration_is_told(tmp_path: Path) -> None:
    shop = Shop(tmp_path, ipc="socket = 5")
    done = shop("ls")
    assert (done.exit_code, done.stdout) == (20, "")


# Listing


def an_item(number: int = 1, **more: Any) -> dict[str, Any]:
    plain = {
        "id": number,
        "kind": "report",
        "state": "PENDING",
        "reason": None,
        "priority": 5,
        "converter": "ict",
        "serial_number": "SN-1",
        "created_at": AT,
        "last_error": "",
        "report_id": "abc",
        "source": "/in/a",
        "progress": 0,
    }
    return {**plain, **more}


class Sparse:
    """A service whose searches end early: each answer is the next of `pages`."""

    def __init__(self, *pages: tuple[list[int], int | None]) -> None:
        self._pages = list(pages)
        self.asked: list[Mapping[str, Any]] = []

    def __call__(self, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
        assert command == "get_queue"
        self.asked.append(args)
        ids, following = self._pages.pop(0)
        return {"items": [an_item(number) for number in ids], "next": following}


def test_a_search_that_ends_early_is_gone_on_with_until_the_end() -> None:
    service = Sparse(([], 900), ([8], 500), ([], 1), ([], None))
    items, following = look.page(service, {"text": "x"}, 10, None)
    assert ([item["id"] for item in items], following) == ([8], None)
    assert service.asked == [
        {"text": "x", "limit": 10},
        {"text": "x", "limit": 10, "after": 900},
        {"text": "x", "limit": 9, "after": 500},
        {"text": "x", "limit": 9, "after": 1},
    ]


def test_or_until_there_are_as_many_as_were_asked_for() -> None:
    service = Sparse(([9], 900), ([8], 500))
    items, following = look.page(service, {}, 2, 1000)
    assert ([item["id"] for item in items], following) == ([9, 8], 500)
    assert service.asked == [{"limit": 2, "after": 1000}, {"limit": 1, "after": 900}]


@pytest.mark.parametrize(("limit", "asked"), [(499, [499]), (500, [500]), (501, [500, 1])])
def test_more_than_a_page_is_asked_for_page_by_page(limit: int, asked: list[int]) -> None:
    pages = [(list(range(count)), 7) for count in asked]
    service = Sparse(*pages)
    items, following = look.page(service, {}, limit, None)
    assert (len(items), following) == (limit, 7)
    assert [args["limit"] for args in service.asked] == asked


def test_pages_are_linked_by_next(shop: Shop) -> None:
    ids: list[int] = []
    paging: list[str] = []
    while True:
        told = json.loads(shop("ls", "--limit", 3, "--json", *paging).stdout)
        ids += [item["id"] for item in told["items"]]
        if told["next"] is None:
            break
        paging = ["--after", str(told["next"])]
    assert ids == [4, 3, 2, 1]


def test_the_table_tells_people_that_there_is_more(shop: Shop) -> None:
    done = shop("ls", "--limit", 3)
    assert done.stderr == "there are more: --after 2\n"
    heads, *rows = done.stdout.splitlines()
    assert heads.split() == list(look.HEADS)
    assert [row.split()[0] for row in rows] == ["4", "3", "2"]
    assert "SUSPENDED (server)" in rows[1]
    assert rows[2].endswith("no such part")


AGES = [
    (0, "0s"),
    (-5, "0s"),
    (59.9, "59s"),
    (60, "1m"),
    (3599, "59m"),
    (3600, "1h"),
    (86_399, "23h"),
    (86_400, "1d"),
    (400 * 86_400, "400d"),
]


@pytest.mark.parametrize(("seconds", "told"), AGES)
def test_an_age_is_told_in_one_unit(seconds: float, told: str) -> None:
    assert age("2026-01-30T09:00:00.000Z", NOW + seconds) == told


def test_a_line_has_the_age_the_progress_and_a_short_error() -> None:
    running = an_item(kind="file", state="PROCESSING", progress=40, last_error=100 * "x")
    assert look.row(running, NOW) == (
        1,
        "file",
        "PROCESSING 40 %",
        5,
        "ict",
        "SN-1",
        "1m",
        79 * "x" + "…",
    )


# One item


def test_an_item_is_shown_with_its_state_first_and_its_history_last(shop: Shop) -> None:
    done = shop("show", 2)
    lines = done.stdout.splitlines()
    assert lines[:4] == [
        "report 2 is FAILED",
        "  rejected: no such part",
        "  what to do: make the part",
        "  to try it again: pywats-trio queue retry 2",
    ]
    assert "payload: 10 bytes, intact" in lines
    assert '  {"pn":"x"}' in lines
    begin = lines.index("history")
    assert lines[begin + 1].split() == ["TIME", "EVENT", "STATE", "ATTEMPTS", "WHO", "MESSAGE"]
    assert lines[-1].endswith("rejected: no such part")


def test_an_item_is_shown_as_json(shop: Shop) -> None:
    told = json.loads(shop("show", 4, "--json").stdout)
    assert (told["id"], told["payload"]["intact"], len(told["history"])) == (4, True, 1)


@pytest.mark.parametrize("as_json", [[], ["--json"]])
def test_an_item_that_is_not_there_ends_with_21(shop: Shop, as_json: list[str]) -> None:
    done = shop("show", 99, *as_json)
    told = (done.exit_code, done.stdout, done.stderr)
    assert told == (21, "", "there is no item 99 in the queue\n")


def whole(**more: Any) -> dict[str, Any]:
    texts = "error_class error_hint evidence receipt worker original part_number result sha256"
    plain: dict[str, Any] = dict.fromkeys(texts.split(), "")
    plain |= dict.fromkeys(
        ("due_at", "started_at", "finished_at", "dropped_at", "parent_id", "duration", "payload")
    )
    plain |= {"attempts": 1, "max_attempts": 3, "interruptions": 0, "correlation_id": "c"}
    plain |= {"reports": [], "report_count": 0, "history": [], "history_cut": False}
    return an_item(**{**plain, **more})


def test_a_page_is_lines_that_a_terminal_takes() -> None:
    lines = page(
        whole(evidence="one\n\x1b[31mtwo", last_error="bad\x07", source="/in/\\udcff"), NOW
    )
    assert all(line.isprintable() for line in lines)
    assert "  one" in lines
    assert "  \\x1b[31mtwo" in lines


def test_a_damaged_payload_is_told_and_where_a_file_was_dropped() -> None:
    payload = {"size": 20_000, "intact": False, "text": "{", "cut": True}
    lines = page(whole(payload=payload, original="/in/b"), NOW)
    damaged = "payload: 20000 bytes, DAMAGED: its SHA-256 is another one, the beginning"
    assert damaged in lines
    assert [line.split()[-1] for line in lines if line.startswith("dropped as")] == ["/in/b"]
    assert not any("dropped as" in line for line in page(whole(original="/in/a"), NOW))


def test_reports_of_a_file_and_a_cut_history_are_told_as_such() -> None:
    reports = [an_item(7, state="HELD")]
    lines = page(whole(reports=reports, report_count=300, history_cut=True), NOW)
    assert "reports: 300, 1 of them" in lines
    assert any(line.split()[:2] == ["7", "HELD"] for line in lines)
    assert "history, without its beginning" in lines


def test_a_file_whose_converter_is_paused_says_since_when_why_and_when_one_is_tried() -> None:
    waits = {"why": "it fails", "hint": "mend it", "since": "S", "next_try": "N"}
    lines = page(whole(state="SUSPENDED", reason="retry", due_at=AT, waits_for=waits), NOW)
    assert lines[1:4] == [
        "  it waits for its converter since S: it fails",
        "  what to do: mend it",
        "  one of its files is tried at N",
    ]
    assert not any("tried again" in line for line in lines)


def test_what_waits_says_when_it_is_tried_again_and_what_is_held_how_to_let_go_of_it() -> None:
    lines = page(whole(state="SUSPENDED", reason="retry", due_at=AT), NOW)
    assert lines[:2] == ["report 1 is SUSPENDED (retry)", f"  tried again at {AT}"]
    assert "  to let go of it: pywats-trio queue release 1" in page(whole(state="HELD"), NOW)
