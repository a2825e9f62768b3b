"""Keeping house at once instead of little by little."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import trio

from pywats_trio.commands.command import Answer, Command, NoArgs, When
from pywats_trio.control import Role
from pywats_trio.queue.checkpoint import checkpoint
from pywats_trio.queue.keeper import Keeper

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.commands.host import QueueHost
    from pywats_trio.control import Who

_FILES: Final = ("", "-wal")
"""What is added to the database's name in those that take room; the others are of no account."""


async def _compact(host: QueueHost, _args: NoArgs, who: Who) -> Answer:
    queue = host.queue()
    config = queue.config
    keeper = Keeper(
        queue.store, queue.desk, config.data_dir, lambda: config.queue, host.board.clock
    )
    before = await trio.to_thread.run_sync(_bytes, queue.database)
    removed = await keeper.sweep()
    await keeper.give_back(everything=True)
    await checkpoint(queue.database)
    answer = {
        "bytes_before": before,
        "bytes_after": await trio.to_thread.run_sync(_bytes, queue.database),
        "removed": removed.items,
        "written": removed.failed,
        "written_to": str(keeper.folder) if removed.failed else "",
        "events": removed.events,
        "not_written": removed.why,
    }
    await queue.store.note("queue compacted", {"who": who.name, **answer})
    return answer


def _bytes(database: Path) -> int:
    found = (database.with_name(database.name + ending) for ending in _FILES)
    return sum(file.stat().st_size for file in found if file.exists())


COMMANDS: Final = (
    Command(
        "compact_queue",
        Role.OPERATOR,
        When.WITH_STORE,
        changes=True,
        doc="Remove at once what is older than its retention, and give all free room of the "
        "queue's file back to the disk.",
        result="`bytes_before`, `bytes_after`: of the file with its log; `removed`: items; "
        "`written`: those of them that had failed and are files in `written_to` now; `events`: "
        "events of the service that were removed; `not_written`: why failed items could not be "
        "written to files, so that they stayed; empty if none did.",
        args=NoArgs,
        run=_compact,
        offline=True,
        bounded=False,
    ),
)
