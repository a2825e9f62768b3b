"""Every attack works without the layers, and none works with them."""

from __future__ import annotations

import errno
import functools
import json
import os
from typing import TYPE_CHECKING, Final, cast

import pytest

from pywats_trio.sandbox.kernel import machine
from pywats_trio.sandbox.landlock import ABI_SCOPES
from pywats_trio.sandbox.levels import probe
from tests.sandbox.attacks import ATTACKS
from tests.sandbox.children import USERS, folder_of, kernel_layers, run

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = kernel_layers

WORKED: Final = "worked"
STOPPED_BY: Final = {
    "read_secret": ("EACCES", ""),
    "list_root": ("EACCES", ""),
    "write_outside": ("EACCES", ""),
    "change_secret": ("EACCES", ""),
    "cut_secret": ("EACCES", ""),
    "delete_secret": ("EACCES", ""),
    "move_secret": ("EACCES", ""),
    "hard_link_to_secret": ("EXDEV", ""),
    "read_by_symbolic_link": ("EACCES", ""),
    "write_by_symbolic_link": ("EACCES", ""),
    "reopen_input_for_writing": ("EACCES", ""),
    "remove_folder_outside": ("EACCES", ""),
    "make_pipe_in_scratch": ("EACCES", "EPERM"),
    "read_environment_of_parent": ("EACCES", ""),
    "open_memory_of_parent": ("EACCES", ""),
    "see_open_sockets": ("EACCES", ""),
    "lower_own_oom_score": ("EACCES", ""),
    "run_program": ("EACCES", "EPERM"),
    "fork": ("", "EPERM"),
    "tcp_connect": ("EACCES", "EPERM"),
    "tcp_listen": ("EACCES", "EPERM"),
    "udp_send": ("", "EPERM"),
    "accept_on_inherited_socket": ("", "EPERM"),
    "unix_connect": ("", "EPERM"),
    "unix_listen": ("EACCES", "EPERM"),
    "abstract_connect": ("EPERM", "EPERM"),
    "datagram_by_socket_pair": ("", "EPERM"),
    "pass_descriptor": ("", "EPERM"),
    "signal_parent": ("EPERM", "EPERM"),
    "signal_own_group": ("", "EPERM"),
    "signal_thread_of_parent": ("EPERM", "EPERM"),
    "signal_parent_by_descriptor": ("EPERM", "EPERM"),
    "have_parent_signalled": ("", "EPERM"),
    "have_signal_chosen": ("", "EPERM"),
    "have_parent_signalled_by_ioctl": ("", "ENOTTY"),
    "hold_lease": ("", "EPERM"),
    "trace_parent": ("EPERM", "EPERM"),
    "read_memory_of_parent": ("EPERM", "EPERM"),
    "take_descriptor_of_parent": ("EPERM", "EPERM"),
    "bind_parent_to_processor": ("", "EPERM"),
    "slow_parent_down": ("", "EPERM"),
    "slow_user_down": ("", "EPERM"),
    "limit_parent": ("", "EPERM"),
    "change_own_limits": ("", "EPERM"),
    "leave_session": ("", "EPERM"),
    "leave_group": ("", "EPERM"),
    "close_lifeline": ("", "EPERM"),
    "replace_lifeline": ("", "EPERM"),
    "silence_lifeline": ("", "EPERM"),
    "copy_lifeline": ("", "EPERM"),
    "forbid_looks_into_its_proc": ("", "EPERM"),
    "shared_memory": ("", "EPERM"),
    "message_queue": ("", "EPERM"),
    "semaphore": ("", "EPERM"),
    "posix_message_queue": ("EACCES", "EPERM"),
    "keyring": ("", "EPERM"),
    "add_key": ("", "EPERM"),
    "another_filter": ("", "EPERM"),
    "another_landlock": ("", "EPERM"),
    "other_personality": ("", "EPERM"),
    "change_owner": ("", "EPERM"),
    "watch_folder": ("", "EPERM"),
    "memory_file": ("", "EPERM"),
    "disk_beyond_limit": ("", "ENOTSUP"),
    "io_uring": ("", "EPERM"),
    "user_namespace": ("", "EPERM"),
    "change_root": ("", "EPERM"),
    "mount": ("EPERM", "EPERM"),
    "become_other_user": ("", "EPERM"),
    "name_host": ("", "EPERM"),
    "x32_call": ("", "SIGSYS"),
    "i386_call": ("", "SIGSYS"),
}
"""What Landlock alone answers, and what seccomp alone does; empty: the attack works."""
ROOTS_OWN: Final = {"change_root", "mount", "become_other_user", "name_host"}
"""What only root can do anyway."""
MACHINES_OWN: Final = {"x32_call", "i386_call"}
STOPPED_BY_CAPABILITIES: Final = ROOTS_OWN | {
    "bind_parent_to_processor",
    "open_memory_of_parent",
    "read_environment_of_parent",
    "read_memory_of_parent",
    "slow_parent_down",
    "slow_user_down",
    "take_descriptor_of_parent",
    "trace_parent",
}
"""Of a parent that is root with all its rights, when the worker has given up its own."""

Outcome = dict[str, str]
users = pytest.mark.parametrize("user", USERS, ids="user {}".format)
attacks = pytest.mark.parametrize("attack", STOPPED_BY)


@pytest.fixture(scope="module")
def outcome() -> Callable[[int, str], Outcome]:
    """What becomes of all the attacks by a user against some layers; tried once."""

    @functools.cache
    def find(user: int, layers: str) -> Outcome:
        with folder_of(user) as folder:
            told = f"{folder!r}, {user}, {layers!r}"
            code = f"from tests.sandbox.attacks import main; main({told})"
            return cast("Outcome", json.loads(run(code, user=user)))

    return find


def test_every_attack_is_told() -> None:
    assert set(STOPPED_BY) == set(ATTACKS)
    assert all(any(answers) for answers in STOPPED_BY.values())


@users
@attacks
def test_it_works_without_the_layers(
    attack: str, user: int, outcome: Callable[[int, str], Outcome]
) -> None:
    if attack in MACHINES_OWN and machine() != "x86_64":
        pytest.skip("another machine")
    said = outcome(user, "")[attack]
    if said in {"ENOSYS", "SIGSEGV"} or (attack == "io_uring" and said == "EPERM"):
        pytest.skip("this kernel does not offer it")
    if attack in ROOTS_OWN and user != 0:
        assert said == "EPERM"
    else:
        assert said == WORKED


@users
@attacks
def test_it_is_stopped_by_each_layer_that_can(
    attack: str, user: int, outcome: Callable[[int, str], Outcome]
) -> None:
    if attack in MACHINES_OWN and machine() != "x86_64":
        pytest.skip("another machine")
    landlock, seccomp = STOPPED_BY[attack]
    assert outcome(user, "all")[attack] == (seccomp or landlock)
    if seccomp:
        assert outcome(user, "seccomp")[attack] == seccomp
    if landlock and (landlock != "EPERM" or probe().landlock_abi >= ABI_SCOPES):
        assert outcome(user, "landlock")[attack] == landlock


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_a_worker_of_root_is_no_root(outcome: Callable[[int, str], Outcome]) -> None:
    said = outcome(0, "capabilities")
    assert {name for name in said if said[name] == "EPERM" or said[name] == "EACCES"} == (
        STOPPED_BY_CAPABILITIES
    )


def test_errors_are_named_as_the_child_names_them() -> None:
    assert {name for answers in STOPPED_BY.values() for name in answers} - {"", "SIGSYS"} <= set(
        errno.errorcode.values()
    )
