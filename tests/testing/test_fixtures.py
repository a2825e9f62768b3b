"""The fixture as an embedder has it: a project of its own, another pytest, nothing of ours."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import data

if TYPE_CHECKING:
    from pathlib import Path

CONFTEST = 'pytest_plugins = ["pywats_trio.testing.fixtures"]\n'
MODULE = """
import json

import pytest
import trio
from attrs import evolve

pytestmark = pytest.mark.trio
REPORT = json.loads({report!r})


async def test_a_report_arrives(wats):
    item = await wats.service.submit(REPORT)
    assert (await wats.service.wait(item.id)).delivered
    [record] = await wats.server.received()
    assert record.serial == REPORT["sn"]


async def test_a_file_arrives(wats):
    wats.drop("unit.json", json.dumps(REPORT).encode())
    await wats.server.wait_until(lambda server: server.journal.sends().total() == 1)


class TestAnotherConfiguration:
    @pytest.fixture
    def wats_config(self, wats_config):
        return evolve(wats_config, instance="another")

    async def test_is_used(self, wats):
        assert wats.service.config.instance == "another"


async def test_a_failure_of_the_test_is_told_as_it_is(wats):
    assert wats.service.state == "no such state"
"""


def run_pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    plugins = ("-p", "no:cacheprovider", "-p", "no:randomly", "-W", "error")
    command = [sys.executable, "-m", "pytest", "-q", *plugins, *options, str(folder)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text(CONFTEST)
    report = json.dumps(json.loads(data.report("embedder", 1, 1200)))
    (tmp_path / "test_program.py").write_text(MODULE.format(report=report))
    return tmp_path


def test_tests_of_an_embedder_get_a_service_and_its_server(project: Path) -> None:
    ran = run_pytest(project, "-k", "not failure")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "3 passed" in ran.stdout


def test_a_test_that_fails_shows_its_own_failure(project: Path) -> None:
    ran = run_pytest(project, "-k", "failure")
    assert ran.returncode == 1
    assert "no such state" in ran.stdout
