"""What is claimed first: by priority, then in the order of arrival, and fair between converters.

Every waiting item has a `rank`, a column of the index that is claimed from. Without aging it is the
priority. With aging an item gains one level for each interval that it waits; as all items age at
the same rate their order never changes while they wait, so a rank that is fixed at the beginning,
`priority * interval + arrival`, is linear aging.

Ranks decide which priority is served next; converters that have an item of that priority at their
heads are equals, and take turns. So aging never lets one converter's backlog, for being older, keep
out another's items of the same priority.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywats_trio.model import Kind

MINUTE: Final = 60.0


class Head(NamedTuple):
    """The first item of a converter's line; of two heads the lesser one is the more urgent."""

    rank: float
    priority: int
    item_id: int


@frozen
class Order:
    """How ranks are made. `aging`: seconds of waiting that are worth one level; 0 = none."""

    aging: float = 0.0

    @classmethod
    def of_minutes(cls, minutes: float) -> Order:
        """As `queue.aging_minutes` says."""
        return cls(minutes * MINUTE)

    def rank(self, priority: int, arrival: float) -> float:
        """`arrival` is in seconds since the epoch, of a clock that never runs backwards."""
        return priority * self.aging + arrival if self.aging else float(priority)

    @property
    def step(self) -> float:
        """What one level of priority adds to a rank."""
        return self.aging or 1.0


@define
class Turns:
    """Whose turn it is among converters that have items of the same priority: round robin."""

    order: Order
    _last: dict[tuple[Kind, int], str] = field(factory=dict)
    """The converter that was served last, for each priority: what one of them is served at another
    priority in between does not cost a third its turn."""

    def choose(
        self,
        kind: Kind,
        heads: Mapping[str, Head],
        following: Callable[[str, Head], Head | None],
        limit: int,
    ) -> list[int]:
        """Up to `limit` ids in the order in which they are to be done.

        `heads` are the converters' first items; `following` gives the one behind a head, None where
        there is none. Cost: `limit` looks at all heads.
        """
        heads = {name: heads[name] for name in sorted(heads)}
        chosen: list[int] = []
        while heads and len(chosen) < limit:
            urgent = min(heads.values()).priority
            name = self._next(kind, urgent, heads)
            head = heads[name]
            chosen.append(head.item_id)
            behind = following(name, head) if len(chosen) < limit else None
            if behind is None:
                del heads[name]
            else:
                heads[name] = behind
        return chosen

    def _next(self, kind: Kind, priority: int, heads: Mapping[str, Head]) -> str:
        equals = [name for name, head in heads.items() if head.priority == priority]
        last = self._last.get((kind, priority), "")
        chosen = next((name for name in equals if name > last), equals[0])
        self._last[kind, priority] = chosen
        return chosen
