"""What `Store.change` can do to items; each says itself what states it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from attrs import field, frozen

from pywats_trio.model import State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.model import Failed, Identity, Problem, Wait

WAITING: Final = frozenset({State.PENDING, State.SUSPENDED})
AT_REST: Final = frozenset(State) - {State.PROCESSING}


@frozen
class Resume:
    """What they waited for has ended: they are PENDING at once."""

    states: ClassVar = frozenset({State.SUSPENDED})
    """Of the items that an action is about; others are passed over."""


@frozen
class Charge:
    """They get `outcome` after all: the failure was their own (contract 1.6)."""

    states: ClassVar = frozenset({State.SUSPENDED})
    outcome: Wait | Failed


@frozen
class Retry:
    """An operator brings them back: PENDING, their attempts begin anew."""

    states: ClassVar = frozenset({State.FAILED, State.QUARANTINED, State.SUSPENDED})
    identities: Mapping[int, Identity] = field(factory=dict)
    """FILE: what lies at its path now, by the item's id; the others keep what they had."""


@frozen
class Hold:
    """An operator keeps them back until `Release`."""

    states: ClassVar = WAITING
    message: str = ""


@frozen
class Release:
    """HELD items become PENDING."""

    states: ClassVar = frozenset({State.HELD})


@frozen
class Reprioritize:
    """They are claimed by another priority from the next claim on."""

    states: ClassVar = WAITING | {State.HELD}
    priority: int


@frozen
class Remove:
    """They leave the queue, and their history with them; an event says so."""

    states: ClassVar = AT_REST


@frozen
class Export:
    """They are written to files for another queue: HELD, or as they are if they are to be `kept`.

    Each has one name in all exports, `<the first one>/<its id>`, so that whoever imports several
    takes it once.
    """

    states: ClassVar = WAITING | {State.HELD, State.FAILED}
    export: str
    kept: bool = False


@frozen
class Quarantine:
    """They are damaged: set aside with the evidence in `problem`."""

    states: ClassVar = WAITING
    problem: Problem


@frozen
class Reopen:
    """They killed workers of one version of their converter, and now it is another, `version`:
    PENDING, and all begins anew.
    """

    states: ClassVar = frozenset({State.QUARANTINED})
    version: str


@frozen
class Acknowledge:
    """They were exported, and delivered from where they were imported."""

    states: ClassVar = frozenset({State.HELD})
    receipts: Mapping[int, str]
    """What the server answered there, by the item's id."""


Action = (
    Resume
    | Charge
    | Retry
    | Hold
    | Release
    | Reprioritize
    | Remove
    | Export
    | Quarantine
    | Reopen
    | Acknowledge
)
