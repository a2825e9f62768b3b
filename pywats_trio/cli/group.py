"""A group of commands that loads each command only when it is called.

`pywats-trio --version` must not wait for the event loop, the HTTP library or the terminal library
to be imported, and `--help` prints the table's own line for each command for the same reason.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from pywats_trio.errors import PywatsTrioError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

INTERRUPTED: Final = 3
"""Exit code after Ctrl-C (contract section 3)."""


class Command(NamedTuple):  # no attrs class, for `status` must be quick
    """A command that can be called: where it is, and its line in the help."""

    target: str
    """`package.module:attribute`"""
    help: str


class Group(click.Group):
    """Commands by name: those of `commands` are imported on use, those of `unbuilt` say so."""

    def __init__(
        self,
        *args: Any,  # noqa: ANN401 - click's own
        commands: Mapping[str, Command],
        unbuilt: tuple[str, ...] = (),
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = commands
        self._unbuilt = unbuilt

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands that there are."""
        return [*self._lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is none of that name."""
        if cmd_name in self._lazy:
            module, _, attribute = self._lazy[cmd_name].target.partition(":")
            command: click.Command = getattr(import_module(module), attribute)
            return command
        if cmd_name in self._unbuilt:
            return _Unbuilt(cmd_name)
        return super().get_command(ctx, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, and the nearest name for a command that there is not."""
        from difflib import get_close_matches  # noqa: PLC0415 - a good call does without

        name = args[0]
        near = get_close_matches(name, self.list_commands(ctx), n=1)
        if near and self.get_command(ctx, name) is None:
            ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The help lines from the table, without importing the commands."""
        lines = [(name, command.help) for name, command in self._lazy.items()]
        lines += [(name, own.get_short_help_str(80)) for name, own in self.commands.items()]
        with formatter.section("Commands"):
            formatter.write_dl(lines)


class _Unbuilt(click.Command):
    """A command of the contract whose part does not exist yet; it takes any arguments."""

    def __init__(self, name: str) -> None:
        settings = {"ignore_unknown_options": True, "allow_extra_args": True}
        super().__init__(name, context_settings=settings, add_help_option=False)

    def invoke(self, ctx: click.Context) -> None:
        raise UsageError(f"`{ctx.command_path}` is not built yet")


class Main(Group):
    """The outermost group: every exception becomes one plain sentence and an exit code.

    A traceback is printed only with `--log-level debug`.
    """

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - click's own
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click knows what to do
        except (Exception, KeyboardInterrupt, BaseExceptionGroup) as error:  # noqa: BLE001
            # The edge to the user: whatever it is, it is told and ends as an exit code.
            if ctx.params.get("log_level") == "debug":
                import traceback  # noqa: PLC0415

                traceback.print_exc()
            sentence, code = ending(error)
            click.echo(sentence, err=True)
            ctx.exit(code)


def ending(error: BaseException) -> tuple[str, int]:
    """What is said about an exception, and the exit code.

    Of a group, what nobody foresaw is told first, and Ctrl-C only if there is nothing else.
    """
    leaves = list(_leaves(error))
    for leaf in leaves:
        if not isinstance(leaf, PywatsTrioError | KeyboardInterrupt):
            told = f"{type(leaf).__name__}: {leaf}" if str(leaf) else type(leaf).__name__
            return f"unexpected {told}; run again with --log-level debug to see where", 1
    for leaf in leaves:
        if isinstance(leaf, PywatsTrioError):
            return str(leaf), leaf.exit_code
    return "interrupted", INTERRUPTED


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """What a nursery wrapped into groups."""
    if isinstance(error, BaseExceptionGroup):
        for held in error.exceptions:
            yield from _leaves(held)
    else:
        yield error
