"""Pages that are made from code are current, and every block of code on a page is tried."""

from __future__ import annotations

import configparser
import contextlib
import json
import os
import re
import shlex
import signal
import socket
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
import trio

from pywats_trio.cli.main import cli
from pywats_trio.config.load import load
from pywats_trio.config.reference import reference
from tests import pages
from tests.leaks import nothing_left

if TYPE_CHECKING:
    from tests.pages import Block

DOCS = pages.ROOT / "docs"
PATIENCE = 120.0
"""Seconds that all the commands of one page may take."""
TRIED = frozenset({"python", "sh", "toml", "json", "console", "ini"})
LEFT_ALONE = {
    "README.md": 1,
    "docs/performance.md": 5,
}
"""How many blocks of each page are not run; the page says why."""

every_page = pytest.mark.parametrize(
    "page", pages.PAGES, ids=lambda page: str(page.relative_to(pages.ROOT))
)


def blocks_of(language: str) -> pytest.MarkDecorator:
    found = pages.everywhere(language)
    return pytest.mark.parametrize("block", found, ids=[block.place for block in found])


def test_the_configuration_reference_is_what_the_options_say() -> None:
    assert (DOCS / "reference" / "configuration.md").read_text() == reference()


@every_page
def test_every_block_is_of_a_language_that_is_tried_or_that_nobody_runs(page: Path) -> None:
    found = pages.blocks(page)
    assert 2 * len(found) == pages.fences(page)
    assert {block.language for block in found if not block.left_alone} <= TRIED | pages.SHOWN


def test_a_block_that_is_left_alone_says_why() -> None:
    left = [block for page in pages.PAGES for block in pages.blocks(page) if block.left_alone]
    assert all(len(block.value) > 10 for block in left)
    counted = {page: sum(block.page == page for block in left) for page in LEFT_ALONE}
    assert (counted, len(left)) == (LEFT_ALONE, sum(LEFT_ALONE.values()))


@every_page
def test_every_link_to_another_page_leads_there(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@blocks_of("json")
def test_json_is_json(block: Block) -> None:
    json.loads(block.text)


@blocks_of("ini")
def test_a_unit_can_be_read_and_runs_commands_that_exist(block: Block) -> None:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read_string(block.text)
    for key in ("ExecStart", "ExecReload"):
        check_command(unit["Service"][key])


@blocks_of("toml")
def test_a_configuration_is_accepted(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what another part of the page has before it: a server."""
    server = '[server]\nurl = "http://127.0.0.1:9"\n'
    alone = "server" not in tomllib.loads(block.text)
    monkeypatch.setenv("WATS_TOKEN", "ZGV2OmRldg==")
    file = tmp_path / "station.toml"
    file.write_text(server * alone + block.text)
    assert load(file).server.url


@blocks_of("console")
def test_commands_for_another_machine_exist(block: Block) -> None:
    """They need root, systemd or a network; what is ours among them is at least spelt rightly."""
    for line in block.text.splitlines():
        if line.startswith("$ "):
            check_command(line)


def check_command(line: str) -> None:
    """Whether our program has the command and the options of this line, if it runs it."""
    found = re.fullmatch(r"(?:\$ )?(?:sudo (?:-u \S+ )?)?(?:\S*/)?pywats-trio(?: (.*))?", line)
    if found is None:
        return
    words = iter(shlex.split(found[1] or ""))
    command: click.Command = cli
    for word in words:
        if word.startswith("-"):
            [option] = [p for p in command.params if word in (*p.opts, *p.secondary_opts)]
            if isinstance(option, click.Option) and not option.is_flag:
                next(words)
        elif isinstance(command, click.Group):
            inner = command.get_command(click.Context(command), word)
            assert inner is not None, line
            command = inner


running = [page for page in pages.PAGES if pages.runs_something(page)]


@pytest.mark.parametrize("page", running, ids=lambda page: str(page.relative_to(pages.ROOT)))
async def test_what_a_page_says_can_be_done_in_its_order(page: Path, tmp_path: Path) -> None:
    with nothing_left(tmp_path):
        await try_out(page, tmp_path)


async def try_out(page: Path, folder: Path) -> None:
    """All blocks of the page as one script in an empty folder, with ports that are free."""
    script = "\n".join(["set -eu -o pipefail", *pages.steps(page)])
    port = free_port()
    script = script.replace("127.0.0.1:8090", f"127.0.0.1:{port}")
    script = script.replace("--port 8090", f"--port {port}")
    process = await trio.lowlevel.open_process(
        ["bash", "-c", script], cwd=folder, env=environment(folder), start_new_session=True
    )
    try:
        with trio.move_on_after(PATIENCE):
            await process.wait()
    finally:
        with trio.CancelScope(shield=True):
            kill_all(process.pid)
            await process.wait()
    assert process.returncode == 0


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port


def kill_all(session: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "PYWATS_TRIO__HEALTH__PORT": "0",
        "WATS_TOKEN": "ZGV2OmRldg==",
    }
