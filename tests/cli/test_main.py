"""The frame of the command line: options, exit codes, one sentence for every error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from pywats_trio import __version__
from pywats_trio.cli.group import Command, Group, Main, ending
from pywats_trio.cli.main import COMMANDS, GIVES_WAY, UNBUILT, Globals, cli
from pywats_trio.errors import NetworkError, PartKeepsFailing, StoreError, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pywats_trio", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environ},
        timeout=60,
    )


def failing(error: BaseException) -> Main:
    """A command line whose command `fail` ends with `error`."""

    @click.command()
    def fail() -> None:
        raise error

    group = Main(
        "pywats-trio",
        commands={},
        params=[click.Option(["--log-level"])],
    )
    group.add_command(fail)
    return group


def test_the_version_is_printed_without_loading_what_is_heavy() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--version']\n"
        "from pywats_trio.cli.main import main\n"
        "try: main()\n"
        "except SystemExit as end: print(end.code)\n"
        "print([name for name in ('trio', 'httpx', 'rich', 'structlog', 'apsw', 'platformdirs', "
        "'attrs', 'cattrs') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"pywats-trio, version {__version__}", "0", "[]"]


def test_the_help_lists_the_commands_without_importing_them() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for name, command in COMMANDS.items():
        assert name in result.output
        assert command.help in result.output


@pytest.mark.parametrize("name", UNBUILT)
@pytest.mark.parametrize("arguments", [[], ["ls", "--json", "-x"], ["--help"]])
def test_a_command_that_is_not_built_says_so(name: str, arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, [name, *arguments], prog_name="pywats-trio")
    assert result.exit_code == 2
    assert result.stderr == f"`pywats-trio {name}` is not built yet\n"


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["--log-level", "loud"]])
def test_a_wrong_call_ends_with_2(arguments: list[str]) -> None:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (UsageError("call it so"), 2, "call it so"),
        (NetworkError("no way there"), 40, "no way there"),
        (StoreError("disk"), 1, "disk"),
        (ExceptionGroup("n", [ExceptionGroup("m", [NetworkError("x")])]), 40, "x"),
        (KeyboardInterrupt(), 3, "interrupted"),
        (BaseExceptionGroup("n", [KeyboardInterrupt()]), 3, "interrupted"),
        (BaseExceptionGroup("n", [KeyboardInterrupt(), UsageError("x")]), 2, "x"),
        (ValueError("odd"), 1, "unexpected ValueError: odd; run again with --log-level debug"),
        (KeyError(), 1, "unexpected KeyError; run again with --log-level debug"),
        (ExceptionGroup("n", [UsageError("x"), OSError("y")]), 1, "unexpected OSError: y; run"),
        (PartKeepsFailing("intake", ValueError("x")), 35, "the part 'intake' kept failing"),
    ],
)
def test_every_error_is_one_sentence_and_an_exit_code(
    error: BaseException, code: int, sentence: str
) -> None:
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == code
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1
    assert ending(error)[1] == code


def test_the_traceback_is_for_debugging_only() -> None:
    result = CliRunner().invoke(failing(ValueError("odd")), ["--log-level", "debug", "fail"])
    assert result.exit_code == 1
    assert "Traceback" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("unexpected ValueError: odd")


def test_a_reader_that_has_seen_enough_is_no_unexpected_error() -> None:
    result = CliRunner().invoke(failing(BrokenPipeError(32, "Broken pipe")), ["fail"])
    assert result.exit_code == 1
    assert result.stderr == ""


def test_ctrl_c_ends_with_3() -> None:
    code = (
        "import os, signal, click\n"
        "from pywats_trio.cli.group import Main\n"
        "@click.command()\n"
        "def wait() -> None: os.kill(os.getpid(), signal.SIGINT); signal.pause()\n"
        "group = Main('x', commands={}); group.add_command(wait); group(['wait'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.returncode, done.stderr) == (3, "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("arguments", "nice"),
    [
        (["queue", "ls", "-h"], GIVES_WAY),
        (["run", "-h"], None),
        (["--instance", "a", "demo", "-h"], None),
    ],
)
def test_commands_give_way_to_the_service(arguments: list[str], nice: int | None) -> None:
    code = (
        f"import os, sys; sys.argv[1:] = {arguments}\n"
        "from pywats_trio.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: print(os.nice(0))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = os.nice(0)
    assert int(done.stdout.splitlines()[-1]) == (own if nice is None else max(own, nice))


def test_a_command_is_imported_when_it_is_called() -> None:
    group = Group("x", commands={"echo": Command("tests.cli.test_main:told", "Tell it.")})
    group.add_command(click.Command("own", short_help="One of its own."))
    listed = CliRunner().invoke(group, ["--help"])
    assert "Tell it." in listed.output
    assert "One of its own." in listed.output
    assert CliRunner().invoke(group, ["echo"]).output == "told\n"
    assert group.list_commands(click.Context(group)) == ["echo", "own"]


@click.command()
def told() -> None:
    click.echo("told")


def test_the_options_before_the_command_reach_it(tmp_path: Path) -> None:
    @click.command()
    @click.pass_obj
    def tell(options: Globals) -> None:
        click.echo(options)
        click.echo(options.load().instance)

    file = tmp_path / "x.toml"
    file.write_text("[server]\nurl = 'http://x'")
    arguments = ["--config", str(file), "--instance", "i", "--log-level", "error", "tell"]
    cli.add_command(tell)
    try:
        result = CliRunner().invoke(cli, arguments)
    finally:
        del cli.commands["tell"]
    assert result.output == f"{Globals(file, 'i', 'error')}\ni\n"


def test_the_module_runs_as_the_command() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"pywats-trio, version {__version__}\n")
    done = run("logs", "x")
    assert (done.returncode, done.stderr) == (2, "`pywats-trio logs` is not built yet\n")
