"""Roles, and the states as the faces group them."""

from __future__ import annotations

import pytest

from pywats_trio.control import AT_WORK, BEFORE_WORK, Role, ServiceState


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_a_role_may_do_what_those_before_it_may(role: Role, may: set[Role]) -> None:
    assert {needed for needed in Role if role.may(needed)} == may


def test_no_state_is_both_before_work_and_at_work() -> None:
    neither = set(ServiceState) - BEFORE_WORK - AT_WORK
    assert not BEFORE_WORK & AT_WORK
    assert neither == {
        ServiceState.PAUSED,
        ServiceState.DRAINING,
        ServiceState.STOPPED,
        ServiceState.FAILED,
    }
