"""What Hypothesis draws for the model-based tests."""

from __future__ import annotations

import hypothesis.strategies as st

from pywats_trio.model import (
    Converted,
    Delivered,
    Failed,
    Identity,
    Kind,
    Quarantined,
    Reason,
    Released,
    Superseded,
    Wait,
)
from pywats_trio.queue.actions import (
    Acknowledge,
    Charge,
    Export,
    Hold,
    Quarantine,
    Release,
    Remove,
    Reprioritize,
    Resume,
    Retry,
)
from pywats_trio.queue.selection import Selection
from tests.contract.kit import PROBLEM, a_file, a_report

kinds = st.sampled_from(Kind)
owners = st.sampled_from(["job", "pump"])
converters = st.sampled_from(["eol", "fct", "ict"])
priorities = st.integers(1, 10) | st.sampled_from([5, 5, 5])
paths = st.sampled_from(["/in/a", "/in/b", "/in/c\udcff"])
inodes = st.sampled_from([1, 2, 2**64 - 1])
origins = st.sampled_from(["", "", "e/1", "e/2"])
delays = st.floats(0, 100)
ages = st.just(0.0) | st.floats(0, 200)
files = st.builds(
    a_file, paths, inode=inodes, priority=priorities, converter=converters, origin=origins
)
reports = st.builds(
    a_report,
    st.binary(max_size=20),
    priority=priorities,
    converter=converters,
    origin=origins,
)
waits = st.builds(
    Wait,
    delays,
    st.sampled_from(Reason),
    st.just(PROBLEM),
    counts=st.booleans(),
    died=st.booleans(),
)
failures = st.builds(Failed, st.just(PROBLEM), counts=st.booleans())
outcomes = {
    Kind.FILE: st.one_of(
        st.builds(Converted, st.lists(reports, max_size=2).map(tuple), st.just("ab")),
        waits,
        failures,
        st.builds(Quarantined, st.just(PROBLEM)),
        st.builds(Superseded, st.just("replaced")),
        st.builds(Released),
    ),
    Kind.REPORT: st.one_of(
        st.builds(Delivered, st.just("thanks")), waits, failures, st.builds(Released)
    ),
}
actions = st.one_of(
    st.just(Resume()),
    st.builds(Charge, waits | failures),
    st.builds(Retry, st.just({n: Identity(7, 1, n, 1_000) for n in range(1, 30, 2)})),
    st.just(Hold("wait")),
    st.just(Release()),
    st.builds(Reprioritize, priorities),
    st.builds(Export, st.sampled_from(["e1", "e2"]), kept=st.booleans()),
    st.just(Quarantine(PROBLEM)),
    st.just(Acknowledge(dict.fromkeys(range(200), "taken"))),
    st.just(Remove()),
)
everything = st.just(Selection())
selections = (
    everything
    | everything
    | st.builds(Selection, ids=st.lists(st.integers(1, 12), max_size=6).map(tuple))
    | st.builds(
        Selection,
        kind=st.none() | kinds,
        reason=st.none() | st.sampled_from(Reason),
        converter=st.none() | converters,
    )
)
