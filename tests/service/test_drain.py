"""The grace of a stop is shared out, and what a phase leaves over goes to the next."""

from __future__ import annotations

import pytest
import trio

from pywats_trio.service.drain import Grace


@pytest.mark.parametrize(("seconds", "store"), [(25.0, 2.0), (10.0, 0.8), (100.0, 2.0)])
async def test_the_store_keeps_its_share_and_the_rest_is_halved(
    seconds: float, store: float, autojump_clock: trio.testing.MockClock
) -> None:
    begun = trio.current_time()
    grace = Grace(seconds)
    assert grace.deliver_until() - begun == pytest.approx(seconds - store)
    assert grace.convert_until() - begun == pytest.approx((seconds - store) / 2)


async def test_a_late_phase_gets_what_is_left_and_never_a_deadline_in_the_past(
    autojump_clock: trio.testing.MockClock,
) -> None:
    grace = Grace(10.0)
    await trio.sleep(8.0)
    assert grace.convert_until() - trio.current_time() == pytest.approx(0.6)
    await trio.sleep(8.0)
    assert grace.convert_until() == trio.current_time()
