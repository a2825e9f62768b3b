"""Pre-flight as a user meets it: the command refuses, or starts and says what is wrong."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from pywats_trio.devserver import open_devserver
from tests.convert.kit import type_of
from tests.e2e.harness import COMMAND, daemon, write_config
from tests.e2e.site import move_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.harness import Daemon, Record

NOWHERE = "http://127.0.0.1:9"


def refused(config: Path) -> tuple[int, str]:
    """Exit code, and what is on standard error besides the log."""
    ran = subprocess.run(
        [*COMMAND, "--config", str(config), "run"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    told = [line for line in ran.stderr.splitlines() if not line.startswith("{")]
    assert not [line for line in told if "Traceback" in line]
    return ran.returncode, "\n".join(told)


def findings(running: Daemon, *checks: str) -> list[Record]:
    return [one for one in running.events("preflight") if one["check"] in checks]


def test_a_type_that_does_not_exist_ends_the_command_with_one_sentence(tmp_path: Path) -> None:
    code, told = refused(write_config(tmp_path, NOWHERE, converter={"type": "wats-jsn"}))
    assert code == 20
    assert told.removeprefix("Error: ") == (
        "converters.line-1.type: there is no converter 'wats-jsn'; did you mean 'wats-json'?; "
        "correct the type; `pywats-trio converters ls` lists those there are"
    )


@pytest.mark.parametrize("type_", ["wats-json", "custom"])
def test_an_argument_that_does_not_fit_ends_the_command_with_its_key(
    type_: str, tmp_path: Path
) -> None:
    converter = {"type": type_of("good:Good") if type_ == "custom" else type_}
    arguments = "[converters.arguments]\nprefxi = 3\n"
    code, told = refused(write_config(tmp_path, NOWHERE, converter=converter, text=arguments))
    assert code == 20
    assert "converters.line-1.arguments.prefxi: unknown argument 'prefxi'" in told


def test_a_file_in_the_place_of_a_watch_folder_ends_the_command(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    code, told = refused(
        write_config(tmp_path, NOWHERE, converter={"watch": str(tmp_path / "file")})
    )
    assert code == 22
    assert f"converters.line-1.watch: {tmp_path}/file is no folder" in told


def test_all_errors_are_told_at_once_the_most_basic_first(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    second = f'[[converters]]\nname = "two"\ntype = "no"\nwatch = "{tmp_path / "drop"}"\n'
    config = write_config(
        tmp_path, NOWHERE, converter={"watch": str(tmp_path / "file")}, text=second
    )
    code, told = refused(config)
    assert code == 20
    lines = told.splitlines()
    assert len(lines) == 2
    for line, words in zip(lines, ("converters.two.type", "is no folder"), strict=True):
        assert words in line


async def test_a_service_starts_without_its_server_and_one_of_its_folders(tmp_path: Path) -> None:
    second = (
        f'[[converters]]\nname = "away"\ntype = "wats-json"\nwatch = "{tmp_path / "away"}"\n'
        f'[[converters]]\nname = "broken"\ntype = "{type_of("fails_at_import:Any")}"\n'
        f'watch = "{tmp_path / "drop"}"\npatterns = ["*.x"]\n'
    )
    config = write_config(tmp_path, NOWHERE, text=second)
    async with daemon(config) as running:
        [folder] = findings(running, "folder")
        assert folder["level"] == folder["severity"] == "warning"
        assert folder["message"].startswith(
            f"converters.away.watch: {tmp_path}/away cannot be read"
        )
        assert folder["hint"]
        [server] = findings(running, "server")
        assert server["message"].startswith("no connection to 127.0.0.1:9")
        [broken] = findings(running, "converter")
        assert broken["subject"] == "broken"
        [done] = running.events("preflight done")
        assert done["errors"] == 0
        assert done["warnings"] == len(running.events("preflight"))
        assert done["seconds"] > 0
        move_in(b"{}", tmp_path / "drop" / "a.json", tmp_path / "incoming")
        await running.until_event("file refused")
        assert await running.stop() == 0


async def test_where_all_is_well_only_the_summary_is_logged(tmp_path: Path) -> None:
    async with open_devserver() as server, daemon(write_config(tmp_path, server.url)) as running:
        assert findings(running, "folder", "server", "converter", "clash", "data_dir") == []
        assert len(running.events("preflight done")) == 1
        assert [path.name for path in (tmp_path / "drop").iterdir()] == []
        assert await running.stop() == 0


async def test_a_stop_while_it_looks_is_not_held_up(tmp_path: Path) -> None:
    converter = {"type": type_of("hangs_at_import:Any")}
    config = write_config(tmp_path, NOWHERE, converter=converter)
    async with daemon(config, ready=False) as running:
        await running.until(
            lambda: (
                any(one.get("state") == "validating" for one in running.log)
                or (tmp_path / "data" / "health.addr").exists()
            )
        )
        assert await running.stop() == 0
        assert running.events("preflight done") == []
