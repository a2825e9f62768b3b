"""The filter, interpreted: every number on both machines, and the arguments that decide."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.sandbox import bpf
from pywats_trio.sandbox.rules import CUTTING, GROUPS, rules
from pywats_trio.sandbox.seccomp import ARCHITECTURES, X32, program
from pywats_trio.sandbox.syscalls import NEWEST, NUMBERS
from tests.sandbox.bpf_machine import ALLOW, ERRNO, KILL, data, follow, run

MACHINES = ("x86_64", "aarch64")
PID = 4711
OTHER = 4712
LIFELINE = 9
ABI = 7
NO = ERRNO | errno.EPERM
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
YOUNG = {"fchmodat2": 452, "statmount": 457, "listmount": 458, "lsm_set_self_attr": 460}
"""Of Linux 6.6 and later, which the headers of a stable distribution do not have."""

machines = pytest.mark.parametrize("machine", MACHINES)
words = st.integers(0, (1 << 64) - 1)


def ask(machine: str, call: str | int, *arguments: int, abi: int = ABI) -> int:
    number = NUMBERS[machine][call] if isinstance(call, str) else call
    image = program(machine, abi).bound(PID, LIFELINE)
    return run(image, data(number, ARCHITECTURES[machine], arguments))


@machines
def test_the_numbers_are_those_of_the_headers(machine: str) -> None:
    header = HEADERS[machine]
    if not header.exists():
        pytest.skip("the machine has no kernel headers")
    found = re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())
    numbers = {**{name: int(number) for name, number in found}, **YOUNG}
    ours = NUMBERS[machine]
    assert ours == {name: numbers[name] for name in ours}
    both = set(NUMBERS["x86_64"]) | set(NUMBERS["aarch64"])
    assert not {name for name in both - set(ours) if name in numbers}


def test_every_rule_has_a_number_somewhere() -> None:
    known = set(NUMBERS["x86_64"]) | set(NUMBERS["aarch64"])
    assert set(rules(1)) <= known


def test_no_call_is_in_two_groups() -> None:
    named = [call for group in (*GROUPS, CUTTING) for call in group.rules]
    assert len(named) == len(set(named))
    assert all(group.why for group in GROUPS)


@machines
@pytest.mark.parametrize("abi", [1, ABI])
def test_every_number_is_refused_if_it_is_in_the_list_and_else_allowed(
    machine: str, abi: int
) -> None:
    listed = rules(abi)
    numbers = {
        NUMBERS[machine][call]: code for call, code in listed.items() if call in NUMBERS[machine]
    }
    for number in range(NEWEST + 1):
        answer = ask(machine, number, *6 * (0x5EAF00D,), abi=abi)
        if number not in numbers:
            assert answer == ALLOW, number
        elif len(numbers[number]) == 1:
            assert answer == numbers[number][0][3], number
            assert answer != ALLOW, number


@machines
@given(number=st.integers(NEWEST + 1, X32 - 1), arguments=st.tuples(*6 * [words]))
def test_a_call_of_a_later_kernel_is_not_there(
    machine: str, number: int, arguments: tuple[int, ...]
) -> None:
    assert ask(machine, number, *arguments) == ERRNO | errno.ENOSYS


@given(number=st.integers(X32, (1 << 32) - 1))
def test_the_numbers_of_x32_kill(number: int) -> None:
    assert ask("x86_64", number) == KILL


@machines
@given(
    number=st.integers(0, (1 << 32) - 1),
    other=st.integers(0, (1 << 32) - 1),
    arguments=st.tuples(*6 * [words]),
)
def test_a_call_in_the_manner_of_another_machine_kills(
    machine: str, number: int, other: int, arguments: tuple[int, ...]
) -> None:
    if other == ARCHITECTURES[machine]:
        other ^= 0x8000_0000
    image = program(machine, ABI).bound(PID, LIFELINE)
    assert run(image, data(number, other, arguments)) == KILL


@machines
@given(flags=words)
def test_clone_makes_threads_and_nothing_else(machine: str, flags: int) -> None:
    threads = flags & 0x0001_0000 and flags & 0x400 and not flags & 0x7E02_0000
    assert ask(machine, "clone", flags) == (ALLOW if threads else NO)


@machines
def test_clone_makes_the_threads_of_libc(machine: str) -> None:
    # CLONE_VM, FS, FILES, SIGHAND, THREAD, SYSVSEM, SETTLS, PARENT_SETTID, CHILD_CLEARTID
    assert ask(machine, "clone", 0x3D_0F00) == ALLOW
    assert ask(machine, "clone", 0x3D_0B00) == NO  # without FILES
    assert ask(machine, "clone", 17) == NO  # SIGCHLD: fork
    assert ask(machine, "clone", 0x3D_0F00 | 0x1000_0000) == NO  # CLONE_NEWUSER


@machines
@pytest.mark.parametrize(
    "call", ["kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo"]
)
@given(upper=st.integers(0, (1 << 32) - 1), other=st.integers(0, (1 << 32) - 1))
def test_signals_go_to_oneself(machine: str, call: str, upper: int, other: int) -> None:
    # The kernel takes an int and ignores the upper half, and so must we.
    assert ask(machine, call, upper << 32 | PID, 9) == ALLOW
    assert ask(machine, call, upper << 32 | other, 9) == (ALLOW if other == PID else NO)


@machines
@pytest.mark.parametrize("call", ["sched_setparam", "sched_setscheduler", "sched_setaffinity"])
def test_scheduling_is_ones_own(machine: str, call: str) -> None:
    assert [ask(machine, call, pid) for pid in (0, PID, OTHER)] == [ALLOW, ALLOW, NO]


@machines
@pytest.mark.parametrize(("call", "process"), [("setpriority", 0), ("ioprio_set", 1)])
def test_priority_is_ones_own_and_not_the_groups(machine: str, call: str, process: int) -> None:
    assert [ask(machine, call, process, pid) for pid in (0, PID, OTHER)] == [ALLOW, ALLOW, NO]
    for group_or_user in {0, 1, 2, 3} - {process}:
        assert ask(machine, call, group_or_user, 0) == NO


@machines
def test_a_socket_pair_is_a_unix_stream(machine: str) -> None:
    close_on_exec, not_blocking = 0o2000000, 0o4000
    assert ask(machine, "socketpair", 1, 1 | close_on_exec | not_blocking) == ALLOW
    for kind in {*range(16)} - {1}:
        assert ask(machine, "socketpair", 1, kind | close_on_exec) == NO
    for family in (0, 2, 10, 16, 40):
        assert ask(machine, "socketpair", family, 1) == NO


@machines
@given(address=words)
def test_nothing_is_sent_to_an_address(machine: str, address: int) -> None:
    assert ask(machine, "sendto", 3, 0, 0, 0, address) == (NO if address else ALLOW)


@machines
@given(new=words, resource=st.integers(0, 15), pid=st.sampled_from([0, PID, OTHER, 1]))
def test_limits_are_read_and_only_processor_time_is_set(
    machine: str, new: int, resource: int, pid: int
) -> None:
    allowed = pid in {0, PID} and (new == 0 or resource == 0)
    assert ask(machine, "prlimit64", pid, resource, new) == (ALLOW if allowed else NO)
    assert ask(machine, "setrlimit", resource) == (NO if resource else ALLOW)


@machines
def test_the_lifeline_stays(machine: str) -> None:
    f_setfl, f_dupfd, f_dupfd_cloexec = 4, 0, 1030
    for call in ("close", "dup"):
        assert ask(machine, call, LIFELINE) == NO
        assert ask(machine, call, LIFELINE + 1) == ALLOW
    assert ask(machine, "dup3", 3, LIFELINE) == NO
    assert ask(machine, "dup3", LIFELINE, 3) == NO
    assert ask(machine, "dup3", 3, 4) == ALLOW
    for command in (f_setfl, f_dupfd, f_dupfd_cloexec):
        assert ask(machine, "fcntl", LIFELINE, command) == NO
        assert ask(machine, "fcntl", LIFELINE + 1, command) == ALLOW
    assert ask(machine, "fcntl", LIFELINE, 3) == ALLOW


@machines
def test_without_a_lifeline_every_descriptor_can_be_closed(machine: str) -> None:
    image = program(machine, ABI).bound(PID, None)
    for descriptor in (0, 1, LIFELINE, (1 << 31) - 1):
        seen = data(NUMBERS[machine]["close"], ARCHITECTURES[machine], (descriptor,))
        assert run(image, seen) == ALLOW


@machines
def test_fcntl_does_not_ask_for_signals_leases_or_news(machine: str) -> None:
    refused = {8: "SETOWN", 10: "SETSIG", 15: "SETOWN_EX", 1024: "SETLEASE", 1026: "NOTIFY"}
    for command in range(2048):
        assert ask(machine, "fcntl", 3, command) == (NO if command in refused else ALLOW)


@machines
@given(command=st.one_of(words, st.sampled_from([0x5401, 0x5412, 0x541B, 0x5452, 0x8901, 0x8902])))
def test_ioctl_is_what_python_needs(machine: str, command: int) -> None:
    known = {0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451, 0x802C_542A}
    expected = ALLOW if command & 0xFFFF_FFFF in known else ERRNO | errno.ENOTTY
    assert ask(machine, "ioctl", 3, command) == expected


@machines
def test_prctl_and_personality(machine: str) -> None:
    for option in (4, 22, 28, 35, 47, 62, 67, 0x5961_6D61):
        assert ask(machine, "prctl", option) == NO
    for option in (1, 3, 15, 16, 38, 39, 0x5356_4D41):
        assert ask(machine, "prctl", option) == ALLOW
    assert ask(machine, "personality", 0xFFFF_FFFF) == ALLOW
    assert ask(machine, "personality", 0x0004_0000) == NO


@machines
@given(flags=st.integers(0, (1 << 32) - 1))
def test_an_old_landlock_leaves_cutting_to_the_filter(machine: str, flags: int) -> None:
    refused = flags & os.O_TRUNC and flags & os.O_ACCMODE not in {os.O_WRONLY, os.O_RDWR}
    assert ask(machine, "openat", 0, 0, flags, abi=2) == (NO if refused else ALLOW)
    assert ask(machine, "openat", 0, 0, flags, abi=3) == ALLOW
    for call, answer in (("truncate", NO), ("openat2", ERRNO | errno.ENOSYS)):
        assert ask(machine, call, flags, abi=2) == answer
        assert ask(machine, call, flags, abi=3) == ALLOW


@machines
def test_what_has_no_effect_says_that_it_had(machine: str) -> None:
    for call in ("fchmod", "fchmodat", "fchmodat2", "utimensat", "sync", "syncfs"):
        assert ask(machine, call) == ERRNO | 0


@machines
def test_what_libc_falls_back_from_is_not_there(machine: str) -> None:
    for call in ("clone3", "close_range"):
        assert ask(machine, call) == ERRNO | errno.ENOSYS


@machines
def test_the_kernel_takes_programs_of_this_length(machine: str) -> None:
    assert program(machine, 1).length < 4096


@machines
def test_no_call_waits_long_for_its_answer(machine: str) -> None:
    image = program(machine, ABI).bound(PID, LIFELINE)
    arguments = 6 * (0x5EAF00D,)
    for number in range(NEWEST + 2):
        _answer, steps = follow(image, data(number, ARCHITECTURES[machine], arguments))
        assert steps <= 24, number  # of more than 400


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=400, unique=True), st.integers(0, 1100))
def test_a_search_tree_of_any_size_finds_the_case(starts: list[int], word: int) -> None:
    starts.sort()
    code = [(bpf.LOAD, 0, 0, 0), *bpf.select([(start, bpf.answer(start)) for start in starts])]
    image = bpf.Program(code).bound(0, None)
    expected = max((start for start in starts if start <= word), default=starts[0])
    assert run(image, data(word, 0)) == expected
