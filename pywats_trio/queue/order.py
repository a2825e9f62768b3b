"""What is claimed first: by priority, then in the order of arrival, and fair between converters.

Every waiting item has a `rank`, a column of the index that is claimed from. Without aging it is the
priority. With aging an item gains one level for each interval that it waits; as all items age at
the same rate their order never changes while they wait, so a rank that is fixed at the beginning,
`priority * interval + arrival`, is linear aging.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.model import Kind

MINUTE: Final = 60.0

Line = "Iterator[tuple[float, int]]"
"""The rank and the id of each item of one converter that waits, the first to be claimed first."""


@frozen
class Order:
    """How ranks are made. `aging`: seconds of waiting that are worth one level; 0 = none."""

    aging: float = 0.0

    @classmethod
    def of_minutes(cls, minutes: float) -> Order:
        """As `queue.aging_minutes` says."""
        return cls(minutes * MINUTE)

    def rank(self, priority: int, arrival: float) -> float:
        """`arrival` is in seconds since the epoch."""
        return priority * self.aging + arrival if self.aging else float(priority)

    def level(self, rank: float) -> int:
        """Items of one level are equals, however many of them each converter has."""
        return int(rank // (self.aging or 1.0))


@define
class Turns:
    """Whose turn it is among converters that have items of the same level: round robin."""

    order: Order
    _last: dict[Kind, str] = field(factory=dict)
    """The converter that was served last."""

    def choose(
        self, kind: Kind, lines: Mapping[str, Iterator[tuple[float, int]]], limit: int
    ) -> list[int]:
        """Up to `limit` ids from the heads of `lines`, in the order in which they are to be done.

        Of the lines whose heads have the best level each gives one item in turn, beginning behind
        the converter that was served last.
        """
        heads = {name: head for name in sorted(lines) if (head := next(lines[name], None))}
        chosen: list[int] = []
        while heads and len(chosen) < limit:
            best = min(self.order.level(rank) for rank, _ in heads.values())
            equals = [name for name, (rank, _) in heads.items() if self.order.level(rank) == best]
            name = self._next(kind, equals)
            chosen.append(heads[name][1])
            following = next(lines[name], None)
            if following is None:
                del heads[name]
            else:
                heads[name] = following
        return chosen

    def _next(self, kind: Kind, names: list[str]) -> str:
        last = self._last.get(kind, "")
        chosen = next((name for name in names if name > last), names[0])
        self._last[kind] = chosen
        return chosen
