"""A nursery that its user need not know of."""

from __future__ import annotations

import pytest
import trio

from pywats_trio.nursery import open_plain_nursery


async def fail(error: BaseException) -> None:
    raise error


async def test_an_error_of_the_block_comes_out_with_cause_and_context() -> None:
    error, cause = ValueError("alone"), OSError()
    with pytest.raises(ValueError, match="alone") as caught:
        async with open_plain_nursery():
            raise error from cause
    assert caught.value is error
    assert (error.__cause__, error.__context__) == (cause, None)


async def test_an_error_of_a_task_comes_out_and_has_cancelled_the_block() -> None:
    error = ValueError("alone")

    async def program() -> None:
        async with open_plain_nursery() as nursery:
            nursery.start_soon(fail, error)
            await trio.sleep_forever()

    with pytest.raises(ValueError, match="alone") as caught:
        await program()
    assert caught.value is error


async def test_an_error_before_it_is_ready_comes_out() -> None:
    async def start(*, task_status: trio.TaskStatus[None]) -> None:
        del task_status
        raise ValueError("not ready")

    with pytest.raises(ValueError, match="not ready"):
        async with open_plain_nursery() as nursery:
            await nursery.start(start)


async def test_two_errors_come_out_as_a_group() -> None:
    with pytest.RaisesGroup(ValueError, OSError):
        async with open_plain_nursery() as nursery:
            nursery.start_soon(fail, ValueError())
            try:
                await trio.sleep_forever()
            finally:
                raise OSError


async def test_a_group_of_the_block_is_not_taken_apart() -> None:
    group = ExceptionGroup("mine", [ValueError()])
    with pytest.raises(ExceptionGroup) as caught:
        async with open_plain_nursery():
            raise group
    assert (caught.value.message, caught.value.exceptions) == (group.message, group.exceptions)


async def test_a_cancellation_passes_through() -> None:
    with trio.CancelScope() as scope:
        async with open_plain_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught


async def test_the_tasks_end_before_it_does() -> None:
    ended = False

    async def work() -> None:
        nonlocal ended
        await trio.lowlevel.checkpoint()
        ended = True

    async with open_plain_nursery() as nursery:
        nursery.start_soon(work)
    assert ended
