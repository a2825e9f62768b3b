"""The logic of settling, without files and without a clock."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.intake import settle
from pywats_trio.intake.settle import Due, Look, Notice, Settler, Why
from pywats_trio.model import Identity

if TYPE_CHECKING:
    from collections.abc import Callable

SETTLE = 0.25
NAME = "/w/a.json"


def a_look(version: int = 1, *, ctime: int | None = None, **rest: Any) -> Look:
    identity = Identity(1, 2, 10 * version, 1000 * version)
    return Look(identity, identity.mtime_ns if ctime is None else ctime, **rest)


def one_due(settler: Settler, now: float) -> Due:
    [due] = settler.due(now, 10)
    return due


def outcome(settler: Settler, look: Look | None, now: float) -> bool:
    return settler.looked(one_due(settler, now), look, now)


def why(settler: Settler, now: float) -> str:
    [waiting] = settler.waiting(now)
    return waiting.why


def test_a_file_found_by_a_scan_is_taken_once_it_was_seen_unchanged_for_the_settle_time() -> None:
    settler = Settler("quiet", SETTLE)
    settler.found(NAME, a_look(), 100.0)
    assert settler.next_due() == 100.0 + SETTLE
    assert not settler.due(100.0 + SETTLE - 0.001, 10)
    assert outcome(settler, a_look(writing=False), 100.0 + SETTLE)


def test_a_file_that_changed_between_two_looks_waits_the_whole_settle_time_again() -> None:
    settler = Settler("quiet", SETTLE)
    settler.found(NAME, a_look(1), 100.0)
    assert not outcome(settler, a_look(2, writing=False), 100.25)
    assert why(settler, 100.25) is Why.CHANGING
    assert settler.next_due() == 100.5
    assert outcome(settler, a_look(2, writing=False), 100.5)


def test_a_file_somebody_has_open_for_writing_waits_however_long_it_stood_still() -> None:
    settler = Settler("quiet", SETTLE)
    settler.noticed(NAME, Notice.CREATED, 100.0)
    now = 100.25
    pauses = []
    for _ in range(8):
        assert not outcome(settler, a_look(writing=True), now)
        assert why(settler, now) is Why.OPEN
        pauses.append(settler.next_due() - now)
        now = settler.next_due()
    assert pauses == pytest.approx([0.5, 1, 2, 4, 5, 5, 5, 5])
    settler.noticed(NAME, Notice.CLOSED, now)
    assert settler.due(now + SETTLE - 0.001, 10) == []
    assert outcome(settler, a_look(writing=False), now + SETTLE)


def test_without_a_word_of_the_kernel_a_creation_holds_until_the_close() -> None:
    settler = Settler("quiet", SETTLE)
    settler.noticed(NAME, Notice.CREATED, 100.0)
    assert not outcome(settler, a_look(), 100.25)
    settler.noticed(NAME, Notice.CLOSED, 101.0)
    assert outcome(settler, a_look(), 101.25)


@pytest.mark.parametrize(("after", "taken"), [(59.9, False), (60.0, True), (60.1, True)])
def test_a_notice_of_writing_that_is_never_followed_by_a_close_holds_for_a_minute(
    after: float, taken: bool
) -> None:
    settler = Settler("quiet", SETTLE)
    settler.noticed(NAME, Notice.MODIFIED, 100.0)
    assert outcome(settler, a_look(), 100.0 + after) is taken


def test_lost_notifications_end_the_hold_of_a_notice() -> None:
    settler = Settler("quiet", SETTLE)
    settler.noticed(NAME, Notice.CREATED, 100.0)
    settler.hints_lost()
    assert outcome(settler, a_look(), 100.25)


def test_with_a_settle_time_of_zero_the_close_is_enough_and_the_creation_is_not() -> None:
    settler = Settler("quiet", 0.0)
    settler.noticed(NAME, Notice.CREATED, 100.0)
    assert settler.due(100.0, 10) == []
    settler.noticed(NAME, Notice.CLOSED, 100.01)
    assert outcome(settler, a_look(writing=False), 100.01)


def test_something_that_happens_during_a_look_makes_the_look_void() -> None:
    settler = Settler("quiet", SETTLE)
    settler.noticed(NAME, Notice.CLOSED, 100.0)
    due = one_due(settler, 100.25)
    settler.noticed(NAME, Notice.MODIFIED, 100.25)
    assert not settler.looked(due, a_look(writing=False), 100.26)
    settler.drop(due)
    assert len(settler) == 1


def test_a_name_that_went_and_came_back_during_a_look_makes_the_look_void() -> None:
    settler = Settler("quiet", 0.0)
    settler.noticed(NAME, Notice.MOVED_IN, 100.0)
    due = one_due(settler, 100.0)
    settler.noticed(NAME, Notice.GONE, 100.0)
    settler.noticed(NAME, Notice.MOVED_IN, 100.0)
    assert not settler.looked(due, a_look(writing=False), 100.0)
    assert outcome(settler, a_look(writing=False), 100.0)


def test_a_file_that_is_gone_at_the_look_is_forgotten() -> None:
    settler = Settler("quiet", SETTLE)
    settler.noticed(NAME, Notice.CLOSED, 100.0)
    assert not outcome(settler, None, 100.25)
    assert len(settler) == 0


def test_a_marker_releases_its_file_whatever_else_is_true() -> None:
    settler = Settler("marker", SETTLE)
    settler.noticed(NAME, Notice.CREATED, 100.0)
    assert not outcome(settler, a_look(writing=False), 100.25)
    assert why(settler, 100.25) is Why.NO_MARKER
    assert settler.next_due() == math.inf
    settler.noticed(NAME, Notice.MARKED, 200.0)
    assert outcome(settler, a_look(2, marked=True, writing=True), 200.0)


def test_a_scan_that_sees_the_marker_releases_a_file_whose_notification_was_lost() -> None:
    settler = Settler("marker", SETTLE)
    settler.found(NAME, a_look(), 100.0)
    assert settler.due(1e6, 10) == []
    assert why(settler, 1e6) is Why.NO_MARKER
    settler.found(NAME, a_look(marked=True), 160.0)
    assert outcome(settler, a_look(marked=True), 160.0)


def test_a_file_moved_in_is_taken_at_once_under_renamed() -> None:
    settler = Settler("renamed", SETTLE)
    settler.noticed(NAME, Notice.MOVED_IN, 100.0)
    assert outcome(settler, a_look(writing=True), 100.0)


def test_a_file_made_in_place_is_not_taken_under_renamed_until_it_is_moved() -> None:
    settler = Settler("renamed", SETTLE)
    settler.noticed(NAME, Notice.CREATED, 100.0)
    settler.noticed(NAME, Notice.CLOSED, 100.1)
    assert not outcome(settler, a_look(writing=False), 200.0)
    assert why(settler, 200.0) is Why.NOT_MOVED_IN
    settler.found(NAME, a_look(), 300.0)
    assert settler.due(1e6, 10) == []
    settler.noticed(NAME, Notice.GONE, 400.0)
    settler.noticed(NAME, Notice.MOVED_IN, 400.0)
    assert outcome(settler, a_look(), 400.0)


@pytest.mark.parametrize(
    ("ctime", "after", "taken"),
    [(1000, 0.25, False), (1000, 1.99, False), (1000, 2.0, True), (7, 0.25, True)],
)
def test_under_renamed_a_file_only_a_scan_found_is_judged_by_its_change_time(
    ctime: int, after: float, taken: bool
) -> None:
    settler = Settler("renamed", SETTLE)
    settler.found(NAME, a_look(), 100.0)
    assert outcome(settler, a_look(ctime=ctime, writing=False), 100.0 + after) is taken


def test_files_of_one_scan_are_looked_at_in_the_order_of_their_modification_times() -> None:
    settler = Settler("quiet", SETTLE)
    for age in (3, 1, 2):
        settler.found(f"/w/{age}", a_look(age), 100.0)
    assert [due.path for due in settler.due(101.0, 2)] == ["/w/1", "/w/2"]
    assert [due.path for due in settler.due(101.0, 2)] == ["/w/3"]


def test_a_look_that_failed_is_made_again_later() -> None:
    settler = Settler("quiet", SETTLE)
    settler.found(NAME, a_look(), 100.0)
    settler.again(one_due(settler, 100.25), 105.0)
    assert settler.next_due() == 105.0
    assert outcome(settler, a_look(writing=False), 105.0)


def test_a_settled_file_waits_for_room_and_says_so() -> None:
    settler = Settler("quiet", SETTLE)
    settler.found(NAME, a_look(), 100.0)
    [waiting] = settler.waiting(103.0, full=True)
    assert (waiting.path, waiting.why, waiting.seconds) == (NAME, Why.QUEUE_FULL, 3.0)


@pytest.mark.parametrize(("files", "left_out"), [(9, 0), (10, 0), (11, 1)])
def test_no_more_than_the_limit_wait_and_a_scan_is_due_when_half_are_gone(
    monkeypatch: pytest.MonkeyPatch, files: int, left_out: int
) -> None:
    monkeypatch.setattr(settle, "MOST_CANDIDATES", 10)
    settler = Settler("quiet", 0.0)
    for number in range(files):
        settler.found(f"/w/{number}", a_look(), 100.0)
    assert len(settler) == files - left_out
    for due in settler.due(100.0, 4):
        settler.drop(due)
    assert not settler.has_space_again()
    for due in settler.due(100.0, 4):
        settler.drop(due)
    assert settler.has_space_again() is bool(left_out)
    assert not settler.has_space_again()


def test_files_that_come_and_go_without_settling_leave_nothing_behind() -> None:
    settler = Settler("quiet", 86_400.0)
    for number in range(5_000):
        settler.noticed(f"/w/{number}", Notice.CREATED, float(number))
        settler.noticed(f"/w/{number}", Notice.GONE, float(number))
    assert settler.schedule_length() < 1_500


class Writer:
    """A test program at work on one file, and what the settler learns of it."""

    def __init__(self, *, leases: bool, notified: bool) -> None:
        self.settler = Settler("quiet", SETTLE)
        self.now = self.changed_at = 1000.0
        self.leases, self.notified = leases, notified
        self.version, self.is_open = 1, False
        self.scan()

    def see(self) -> Look:
        return a_look(self.version, writing=self.is_open if self.leases else None)

    def notice(self, what: Notice) -> None:
        if self.notified:
            self.settler.noticed(NAME, what, self.now)

    def open(self) -> None:
        self.is_open = True

    def change(self) -> None:
        self.version, self.changed_at = self.version + 1, self.now
        self.notice(Notice.MODIFIED)

    def close(self) -> None:
        if self.is_open:
            self.is_open = False
            self.notice(Notice.CLOSED)

    def scan(self) -> None:
        self.settler.found(NAME, self.see(), self.now)

    def overflow(self) -> None:
        self.settler.hints_lost()

    def is_taken(self) -> bool:
        return any(
            self.settler.looked(due, self.see(), self.now) for due in self.settler.due(self.now, 1)
        )


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from([Writer.open, Writer.change, Writer.close, Writer.scan]),
            st.floats(min_value=0.0, max_value=0.4),
        ),
        max_size=40,
    ),
    leases=st.booleans(),
    notified=st.booleans(),
    overflows=st.booleans(),
)
def test_no_file_is_taken_while_it_changes_or_is_open_and_each_is_taken_in_the_end(
    steps: list[tuple[Callable[[Writer], None], float]],
    leases: bool,
    notified: bool,
    overflows: bool,
) -> None:
    writer = Writer(leases=leases, notified=notified)
    for step, pause in steps:
        writer.now += pause
        if writer.is_taken():
            assert not (writer.is_open and leases)
            assert writer.now - writer.changed_at >= SETTLE or not notified
            return
        step(writer)
        if overflows:
            writer.overflow()
    writer.close()
    for _ in range(50):
        writer.now = max(writer.now, writer.settler.next_due())
        if writer.is_taken():
            return
    pytest.fail("never taken")


# Units that are folders


def test_a_unit_is_complete_when_it_lacks_nothing_and_was_quiet_for_its_time() -> None:
    settler = Settler(settle.UNIT, 2.0)
    settler.found(NAME, a_look(1, lacks="1 of 2 files"), 100.0)
    assert not outcome(settler, a_look(1, lacks="1 of 2 files"), 102.0)
    assert why(settler, 102.0) == "1 of 2 files"
    assert settler.next_due() == math.inf
    settler.noticed(NAME, Notice.INSIDE, 110.0)
    assert not settler.due(111.9, 10)
    assert outcome(settler, a_look(2), 112.0)


def test_what_a_scan_finds_in_a_unit_is_looked_at_too() -> None:
    settler = Settler(settle.UNIT, 2.0)
    settler.found(NAME, a_look(1, lacks="waits for m"), 100.0)
    assert not outcome(settler, a_look(1, lacks="waits for m"), 102.0)
    settler.found(NAME, a_look(1, lacks="waits for m"), 103.0)
    assert settler.next_due() == math.inf
    settler.found(NAME, a_look(2), 104.0)
    assert outcome(settler, a_look(2), 106.0)


def test_each_change_inside_begins_the_quiet_time_of_a_unit_anew() -> None:
    settler = Settler(settle.UNIT, 2.0)
    for now in (100.0, 101.9, 103.8):
        assert not settler.due(now, 10)
        settler.noticed(NAME, Notice.INSIDE, now)
    assert why(settler, 105.7) is Why.CHANGING
    assert not settler.due(105.7, 10)
    assert outcome(settler, a_look(), 105.8)


def test_a_file_of_a_unit_that_is_open_for_writing_holds_it_up() -> None:
    settler = Settler(settle.UNIT, 2.0)
    settler.found(NAME, a_look(), 100.0)
    assert not outcome(settler, a_look(writing=True), 102.0)
    assert why(settler, 102.0) is Why.OPEN


def test_units_that_wait_are_counted_by_what_they_lack() -> None:
    settler = Settler(settle.UNIT, 0.0)
    for name, lacks in (("a", "waits for m"), ("b", "waits for m"), ("c", "1 of 2 files")):
        settler.found(name, a_look(lacks=lacks), 100.0)
        assert not outcome(settler, a_look(lacks=lacks), 100.0)
    assert settler.reasons(101.0) == {"waits for m": 2, "1 of 2 files": 1}
