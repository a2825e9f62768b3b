"""What is noticed of a job's leftovers; seen from inside, where a worker would be replaced."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest
from attrs import evolve

from pywats_trio.worker import residue


def test_nothing_left_is_no_doubt() -> None:
    assert residue.doubt(residue.footprint(), memory_limit=0) == ""


@pytest.mark.parametrize(("limit", "full"), [(1 << 60, False), (1, True)])
def test_memory_near_its_limit_is_a_doubt(limit: int, full: bool) -> None:
    assert bool(residue.doubt(residue.footprint(), limit)) == full


def test_a_thread_is_a_doubt() -> None:
    before = residue.footprint()
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    assert residue.doubt(before, 0) == "left threads behind"
    end.set()
    thread.join()
    assert residue.doubt(before, 0) == ""


@pytest.mark.parametrize(("more", "many"), [(-1, False), (0, False), (1, True)])
def test_descriptors_are_counted(more: int, many: bool) -> None:
    before = residue.footprint()
    opened = [os.dup(0) for _ in range(residue.DESCRIPTOR_SLACK + more)]
    found = residue.doubt(before, 0)
    for descriptor in opened:
        os.close(descriptor)
    assert found == ("left files open" if many else "")


def test_another_standard_output_is_a_doubt() -> None:
    before = residue.footprint()
    changed = evolve(before, output=before.output[1:])
    assert residue.doubt(changed, 0) == "closed its standard output"


def test_a_running_child_is_a_doubt_and_one_that_ended_is_not() -> None:
    before = residue.footprint()
    with subprocess.Popen(["sleep", "3600"]) as child:
        assert residue.doubt(before, 0) == "left child processes behind"
        child.kill()
    assert residue.doubt(before, 0) == ""


def test_peak_memory_is_that_of_this_process() -> None:
    assert residue.peak_memory() > 1 << 20
