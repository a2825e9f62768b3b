"""Every attack: which layer stops it, and what the user reads in the history of its file.

The page `docs/explanation/sandbox.md` shows this table, `python -m tests.attacks` runs it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from tests.attacks.tricks import reach, say, stay, take

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

LANDLOCK: Final = "Landlock"
SECCOMP: Final = "seccomp"
BOTH: Final = "Landlock, seccomp"
RIGHTS: Final = "descriptor"
CLEAN: Final = "clean start"
LIMITS: Final = "resource limit"
DEADLINE: Final = "deadline"
WATCH: Final = "watch"
ANSWER: Final = "check of the answer"
PROCESS: Final = "process of its own"
LIFELINE: Final = "lifeline"
TIDY: Final = "clean-up"

DENIED: Final = "PermissionError: [Errno 13] Permission denied"
REFUSED: Final = "PermissionError: [Errno 1] Operation not permitted"
TOO_SLOW: Final = "it took longer than 0.5 s and was stopped"
BROKE: Final = "the worker broke the protocol: "
WROTE: Final = "it wrote more than 5 MiB of files"
HID: Final = "it hid its files, in folders that nobody may list or more than 64 deep"
CUT_OFF: Final = "it closed its connection with the service"
CONVERTED: Final = "the file is converted"
REJECTED: Final = "forged"
MEMORY: Final = "the conversion needs more memory than it may have (workers.memory_mb)"
WORKS: Final = "works"


@frozen
class Row:
    """One attack."""

    attack: str
    """The function in `tricks`."""
    by: str
    """What stops it, the first of several first."""
    says: tuple[str, ...]
    """What the history of the file says; any of them."""
    free: str = ""
    """What becomes of it where nothing stops it; empty: it is not tried there, for it does harm."""
    short: bool = False
    """Whether the deadline ends it, which is early then."""
    roots: bool = False
    """Whether only root could do it anyway."""
    kernels: bool = False
    """Whether there are kernels that offer it to nobody."""


def _row(attack: str, by: str, *says: str, free: str = "", **more: bool) -> Row:
    return Row(attack, by, says, free, **more)


def _long(attack: str, by: str, *says: str) -> Row:
    return Row(attack, by, says, short=True)


REACH: Final = (
    _row("read_token", LANDLOCK, DENIED, free=WORKS),
    _row("read_database", LANDLOCK, DENIED, free=WORKS),
    _row("read_other_input", LANDLOCK, DENIED, free=WORKS),
    _row("read_by_symbolic_link", LANDLOCK, DENIED, free=WORKS),
    _row("find_token_in_environment", CLEAN, "there is no token in the environment"),
    _row("find_descriptors", CLEAN, "there are none but its own"),
    _row("read_environment_of_service", LANDLOCK, DENIED, free=WORKS),
    _row("read_memory_of_service", LANDLOCK, DENIED, free=WORKS),
    _row("read_descriptors_of_sibling", LANDLOCK, DENIED),
    _row("read_scratch_of_sibling", LANDLOCK, DENIED, free=WORKS),
    _row("climb_by_kept_descriptor", LANDLOCK, DENIED),
    _row("write_outside", LANDLOCK, DENIED, free=WORKS),
    _row("write_own_file", LANDLOCK, DENIED, free=WORKS),
    _row("write_cached_code", LANDLOCK, DENIED, free=WORKS),
    _row("write_source_by_descriptor", RIGHTS, "OSError: [Errno 9] Bad file descriptor"),
    _row("reopen_source_for_writing", LANDLOCK, DENIED, free=WORKS),
    _row("delete_source", LANDLOCK, DENIED, free=WORKS),
    _row("link_to_token", LANDLOCK, "OSError: [Errno 18] Invalid cross-device link", free=WORKS),
    _row("link_to_source", LANDLOCK, "OSError: [Errno 18] Invalid cross-device link", free=WORKS),
    _row("move_token", LANDLOCK, DENIED, free=WORKS),
    _row("tcp_connect", BOTH, REFUSED, free=WORKS),
    _row("tcp_listen", BOTH, REFUSED, free=WORKS),
    _row("udp_send", SECCOMP, REFUSED, free=WORKS),
    _row("connect_to_ipc", SECCOMP, REFUSED, free=WORKS),
    _row("connect_to_abstract", BOTH, REFUSED, free=WORKS),
    _row("signal_service", BOTH, REFUSED, free=WORKS),
    _row("signal_fork_server", BOTH, REFUSED, free=WORKS),
    _row("signal_sibling", BOTH, REFUSED, free=WORKS),
    _row("signal_everybody", BOTH, REFUSED, free=WORKS),
    _row("trace_service", BOTH, REFUSED, free=WORKS),
    _row("trace_sibling", BOTH, REFUSED, free=WORKS),
    _row("peek_into_sibling", BOTH, REFUSED, free=WORKS),
    _row("steal_descriptor", BOTH, REFUSED, free=WORKS),
    _row("limit_service", SECCOMP, REFUSED, free=WORKS),
    _row("slow_sibling_down", SECCOMP, REFUSED, free=WORKS),
    _row("have_service_signalled", SECCOMP, REFUSED, free=WORKS),
    _row("send_descriptor", SECCOMP, REFUSED),
    _row("run_program", BOTH, REFUSED, free="it ended itself with exit code 0"),
    _row("io_uring", SECCOMP, REFUSED, free=WORKS, kernels=True),
    _row("user_namespace", SECCOMP, REFUSED, free=WORKS, kernels=True),
    _row("keyring", SECCOMP, REFUSED, free=WORKS, kernels=True),
    _row("memory_file", SECCOMP, REFUSED, free=WORKS),
    _row("shared_memory", SECCOMP, REFUSED, free=WORKS),
    _row("another_filter", SECCOMP, REFUSED, free=WORKS),
)
TAKE: Final = (
    _row("fork", SECCOMP, REFUSED, free=WORKS),
    _row("fork_without_end", SECCOMP, REFUSED),
    _row("fork_by_number", SECCOMP, "Function not implemented"),
    _row("have_own_descriptors", SECCOMP, REFUSED),
    _row("start_threads", f"{LIMITS}, {WATCH}", "it started more than 256 threads"),
    _long("spin", DEADLINE, TOO_SLOW),
    _long("spin_and_swallow", DEADLINE, TOO_SLOW),
    _long("spin_beyond_its_limit", DEADLINE, TOO_SLOW),
    _long("sleep", DEADLINE, TOO_SLOW),
    _long("stop_itself", DEADLINE, TOO_SLOW),
    _row("ask_for_real_time", f"{LIMITS}, capabilities", REFUSED, free=WORKS, roots=True),
    _row("allocate", LIMITS, MEMORY),
    _row("open_files", LIMITS, "OSError: [Errno 24] Too many open files"),
    _row("write_one_file", f"{LIMITS}, {WATCH}", "OSError: [Errno 27] File too large", WROTE),
    _row("write_many_files", WATCH, WROTE),
    _row("write_nameless_files", WATCH, WROTE),
    _row("write_nameless_files_unseen", SECCOMP, REFUSED),
    _row("write_mapped_files", WATCH, WROTE),
    _row("write_in_a_closed_folder", WATCH, WROTE, HID),
    _row("write_deep_down", WATCH, WROTE),
    _row("dig_a_shaft", f"{WATCH}, {TIDY}", WROTE, HID),
    _row("make_empty_files", WATCH, WROTE),
    _long("print_without_end", DEADLINE, TOO_SLOW),
    _long("print_byte_by_byte", DEADLINE, TOO_SLOW),
)
SAY: Final = (
    _row("say_nonsense", ANSWER, BROKE + "a frame's header has 4294967295 bytes"),
    _row("say_no_json", ANSWER, BROKE + "a frame's header is not JSON"),
    _row("claim_a_huge_header", ANSWER, BROKE + "a frame's header has 4294967295 bytes"),
    _row("claim_a_huge_body", ANSWER, BROKE + "a frame's body has 4294967295 bytes"),
    _long("stall", DEADLINE, TOO_SLOW),
    _row("answer_another_job", ANSWER, BROKE + "the worker answered to another job"),
    _row("describe_itself", ANSWER, BROKE + "the worker answered what it was not asked"),
    _row("be_certain", ANSWER, BROKE + "the worker answered what it was not asked"),
    _row("be_ready_again", ANSWER, BROKE + "unknown kind of frame: 'ready'"),
    _row("be_loaded_again", ANSWER, BROKE + "unknown kind of frame: 'loaded'"),
    _row("go_on_after_the_end", ANSWER, BROKE + "the worker went on after the end of its answer"),
    _row("forge_a_report_id", ANSWER, BROKE + "'report_id' is malformed"),
    _row("repeat_a_report", ANSWER, BROKE + "the report id"),
    _row("miscount_reports", ANSWER, BROKE + "the number of reports does not agree"),
    _row("send_huge_reports", ANSWER, BROKE + "the reports of one file have more than"),
    _row("nest_deeply", ANSWER, BROKE + "a frame's header has"),
    _row("nest_just_below", ANSWER, BROKE + "a frame's header is not JSON"),
    _row("send_a_giant_integer", ANSWER, BROKE + "a frame's header is not JSON"),
    _row("send_a_giant_fraction", ANSWER, CONVERTED),
    _row("send_rich_json", ANSWER, BROKE + "a frame's header has"),
    _row("send_controls", ANSWER, BROKE + "the worker said more than"),
    _row("send_tiny_frames", ANSWER, BROKE + "more log records or progress from one file"),
    _row("send_log_records", ANSWER, BROKE + "more log records or progress from one file"),
    _long("send_byte_by_byte", DEADLINE, TOO_SLOW),
    _row("hang_up", PROCESS, CUT_OFF),
    _row("close_everything", PROCESS, CUT_OFF),
    _row("speak_to_the_terminal", ANSWER, r"ValueError: \x1b]0;owned\x07\x1b[2J\u202egpj.exe"),
)
STAY: Final = (
    _row("exit_at_once", PROCESS, "it ended itself with exit code 7"),
    _row("crash", PROCESS, "it was ended by SIGSEGV"),
    _row("kill_itself", PROCESS, "it was ended by SIGKILL"),
    _row("leave_a_thread", PROCESS, CONVERTED),
    _row("leave_a_child", SECCOMP, REFUSED),
    _row("leave_a_daemon", SECCOMP, REFUSED),
    _row("forge_the_next_answer", PROCESS, CONVERTED),
    _long("go_on_after_its_answer", WATCH, REJECTED),
    _row("close_its_folder", f"{SECCOMP}, {TIDY}", CONVERTED, HID),
    _row("leave_links_out", TIDY, CONVERTED),
    _row("hold_the_lifeline", LIFELINE, "OSError: [Errno 6] No such device or address"),
    _row("silence_the_lifeline", SECCOMP, REFUSED),
    _row("close_the_lifeline", SECCOMP, REFUSED),
    _row("sync_the_disks", SECCOMP, CONVERTED),
)
GROUPS: Final[dict[str, tuple[ModuleType, tuple[Row, ...]]]] = {
    "Reach for what is others'": (reach, REACH),
    "Take without end": (take, TAKE),
    "Say what it may not": (say, SAY),
    "Go, or stay": (stay, STAY),
}
APART: Final = frozenset({"read_the_lifeline", "fight_for_life"})
"""Tricks with a test of their own: the service ends in it."""


def rows() -> Iterator[Row]:
    """All of them."""
    for _module, found in GROUPS.values():
        yield from found


def what(row: Row) -> str:
    """What the attack tries, in words."""
    for module, found in GROUPS.values():
        if row in found:
            return (getattr(module, row.attack).__doc__ or "").partition("\n")[0]
    raise KeyError(row.attack)


def markdown() -> str:
    """The table as the page shows it."""
    lines = []
    for title, (_module, found) in GROUPS.items():
        lines += [f"### {title}", "", "| a converter tries to | stopped by | its file |"]
        lines += ["|---|---|---|"]
        lines += [f"| {what(row)} | {row.by} | {_cell(row)} |" for row in found]
        lines.append("")
    return "\n".join(lines)


def _cell(row: Row) -> str:
    if row.says == (CONVERTED,):
        return "is converted"
    return " or ".join(f"`{one}`" for one in row.says)
