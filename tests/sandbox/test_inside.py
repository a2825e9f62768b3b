"""What a converter needs goes on inside."""

from __future__ import annotations

import functools
import json
import os
from typing import TYPE_CHECKING, cast

import pytest

from tests.sandbox.children import NOBODY, USERS, folder_of, kernel_layers, run
from tests.sandbox.uses import USES

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = kernel_layers

users = pytest.mark.parametrize("user", USERS, ids="user {}".format)


@pytest.fixture(scope="module")
def outcome() -> Callable[[int], dict[str, str]]:
    """What became of every use; tried once a user."""

    @functools.cache
    def find(user: int) -> dict[str, str]:
        with folder_of(user) as folder:
            code = f"from tests.sandbox.uses import main; main({folder!r}, {user})"
            return cast("dict[str, str]", json.loads(run(code, user=user)))

    return find


@users
@pytest.mark.parametrize("use", USES)
def test_it_works_inside(use: str, user: int, outcome: Callable[[int], dict[str, str]]) -> None:
    said = outcome(user)[use]
    if said == "missing":
        pytest.skip("not installed")
    assert said == "works"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes the kernel forget")
@pytest.mark.parametrize("forget", [False, True])
def test_own_proc_is_readable_even_when_the_kernel_has_forgotten_it(forget: bool) -> None:
    code = f"""
import os
from pywats_trio.sandbox.enter import enter
caches = os.open("/proc/sys/vm/drop_caches", os.O_WRONLY)
enter([], [])
if {forget}:
    os.write(caches, b"2")  # dentries and inodes
for name in ("fd", "task"):
    os.listdir(f"/proc/self/{{name}}")
for name in ("maps", "stat", "statm", "status"):
    open(f"/proc/self/{{name}}").read()
"""
    run(code, user=0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_limits_hold_for_root_and_files_of_others_are_readable(tmp_path: object) -> None:
    code = f"""
import os, resource
from pywats_trio.sandbox.enter import enter
file = {str(tmp_path)!r} + "/theirs"
os.close(os.open(file, os.O_CREAT, 0o600))
os.chown(file, {NOBODY}, {NOBODY})
resource.setrlimit(resource.RLIMIT_CPU, (100, 200))
enter([{str(tmp_path)!r}], [])
open(file).close()
resource.setrlimit(resource.RLIMIT_CPU, (150, 200))
try:
    resource.setrlimit(resource.RLIMIT_CPU, (150, 300))
except ValueError:
    print("held")
print(*[line.split()[1].lstrip("0") for line in open("/proc/self/status") if line[:5] in LEFT])
"""
    left = 'LEFT = {"CapPr", "CapEf"}\n'
    assert run(left + code, user=0) == "held\n6 6\n"  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
