"""The grace of a stop is shared out, and what a phase leaves over goes to the next."""

from __future__ import annotations

import pytest
import trio

from pywats_trio.service.drain import Grace


@pytest.mark.parametrize(("seconds", "fixed"), [(25.0, 3.0), (10.0, 1.2), (100.0, 3.0)])
async def test_store_and_goodbye_keep_their_shares_and_the_rest_is_halved(
    seconds: float, fixed: float, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    grace = Grace(seconds)
    assert grace.deliver_until() - begun == pytest.approx(seconds - fixed)
    assert grace.convert_until() - begun == pytest.approx((seconds - fixed) / 2)


async def test_a_late_phase_gets_what_is_left_and_never_a_deadline_in_the_past(
    autojump_clock: trio.testing.MockClock,
) -> None:
    grace = Grace(10.0)
    await trio.sleep(8.0)
    assert grace.convert_until() - trio.current_time() == pytest.approx(0.4)
    await trio.sleep(8.0)
    assert grace.convert_until() == trio.current_time()
