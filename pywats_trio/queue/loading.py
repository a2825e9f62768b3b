"""What a store keeps in memory of its database, read when that is opened. It all blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import apsw
from attrs import frozen

from pywats_trio.errors import StartError, StoreDamaged
from pywats_trio.queue import rows
from pywats_trio.queue.books import Books, Total
from pywats_trio.queue.clocks import mend_waits, shift_at_start
from pywats_trio.queue.database import leave_as_found
from pywats_trio.queue.history import History
from pywats_trio.queue.opening import Opening
from pywats_trio.queue.salvage.aside import file_id
from pywats_trio.queue.salvage.damage import in_words, is_damage

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.queue.order import Order
    from pywats_trio.queue.salvage.aside import FileId
    from pywats_trio.queue.salvage.damage import Damage


@frozen
class Loaded:
    """An open database, and what the store keeps of it in memory."""

    connection: apsw.Connection
    books: Books
    history: History
    settings: dict[str, str]
    shift: float = 0.0
    """Seconds that the wall clock is ahead of the one that waits are told by."""
    opening: Opening | None = None
    damage: Damage | None = None
    """What was found, and nobody has seen to yet."""
    file: FileId | None = None


def load(
    path: Path,
    synchronous: str,
    history_limit: int,
    order: Order,
    now: float,
    *,
    crash: BaseException | None = None,
) -> Loaded:
    """Connect, and read what is kept in memory. Blocks; raises what `connect` does.

    `now` is the time by the wall clock. `crash` is what ended the thread that had the database
    before; the first time its files are looked at instead. How long it takes does not depend on
    the number of items, but where the order has changed or the database is damaged.
    """
    opening = Opening(path, synchronous, now)
    connection = opening.connect() if crash is None else opening.connect_again(crash)
    try:
        return _load(connection, opening, history_limit, order)
    except StoreDamaged as damaged:
        # What cannot be read now was read to the end when it was salvaged.
        connection = opening.salvage(str(damaged))
        return _load(connection, opening, history_limit, order)


def _load(
    connection: apsw.Connection, opening: Opening, history_limit: int, order: Order
) -> Loaded:
    path, now = opening.path, opening.now
    try:
        history = History(History.last_number(connection), history_limit)
        settings = dict(connection.execute("SELECT key, value FROM settings"))
        shift = shift_at_start(connection, settings, now)
        mend_waits(connection, now - shift)
        _put_in_order(connection, order, settings, shift)
        totals = [
            Total(rows.KINDS[kind], rows.STATES[state], *rest)
            for kind, state, *rest in connection.execute(
                "SELECT kind, state, converter, items, bytes FROM totals"
            )
        ]
        damage = opening.opened(connection, settings, sum(total.items for total in totals))
    except (apsw.Error, LookupError, ValueError) as error:
        leave_as_found(connection)
        connection.close()
        # A table is missing, or a word in it is none of ours.
        if is_damage(error) or isinstance(error, apsw.SQLError | LookupError | ValueError):
            raise StoreDamaged(f"{path}: the queue cannot be read ({in_words(error)})") from error
        raise StartError(f"{path}: the queue cannot be read ({error})") from error
    file = file_id(path)
    return Loaded(connection, Books(totals), history, settings, shift, opening, damage, file)


ORDERED: Final = "queue.aging"
"""The setting that tells how the ranks were made."""


def _put_in_order(
    connection: apsw.Connection, order: Order, settings: dict[str, str], shift: float
) -> None:
    """New ranks where `queue.aging_minutes` has changed since they were made.

    `shift`: seconds that the wall clock is ahead of the one that ranks are made by.
    """
    made = float(settings.get(ORDERED, "0"))
    if made == order.aging:
        return
    rank = "priority * ?1 + created_at - ?2" if order.aging else "priority + 0 * ?1 * ?2"
    with connection:
        connection.execute(
            f"UPDATE items SET rank = {rank} WHERE finished_at IS NULL",  # noqa: S608
            (order.aging, shift),
        )
        connection.execute(
            "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (ORDERED, order.aging)
        )
    settings[ORDERED] = str(order.aging)
