"""Names and labels of the metrics, and that Prometheus understands them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics import exposition, parser
from prometheus_client.parser import text_string_to_metric_families

from pywats_trio.observe import gauges
from pywats_trio.observe.board import Board
from pywats_trio.observe.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

COUNTED = {
    "pywats_service_restarts": {"part"},
    "pywats_errors": {"part", "class"},
    "pywats_event_loop_lag_seconds": set(),
    "pywats_queue_operation_seconds": {"operation"},
    "pywats_queue_commit_batch_size": set(),
    "pywats_intake_files": {"converter", "outcome"},
    "pywats_converter_processing_time_seconds": {"converter"},
    "pywats_converter_files": {"converter", "outcome"},
    "pywats_converter_cpu_seconds": {"converter"},
    "pywats_converter_peak_memory_bytes": {"converter"},
    "pywats_worker_restarts": {"reason"},
    "pywats_worker_limit_changes": {"reason"},
    "pywats_delivery_seconds": {"server"},
    "pywats_delivery_attempts": {"server", "outcome"},
    "pywats_reports_delivered": {"converter"},
    "pywats_end_to_end_seconds": {"converter"},
    "pywats_ipc_requests": {"command", "outcome"},
    "pywats_http_requests": {"route", "status"},
}
"""Of contract section 11: what is counted while it happens, without the suffix of its type."""
OF_NO_UNIT = re.compile(r"_(total|size|state|limit|depth|paused|connections|processes)$")


def all_moved() -> Metrics:
    """Each metric with one value, whatever its labels are."""
    metrics = Metrics()
    for collector in metrics.__dict__.values():
        labels = getattr(collector, "_labelnames", None)
        if labels is None:
            continue
        child = collector.labels(*labels) if labels else collector
        child.observe(1) if hasattr(child, "observe") else child.inc()
    return metrics


def labels_of(metrics: Metrics) -> Iterator[tuple[str, set[str]]]:
    for family in metrics.registry.collect():
        yield family.name, {name for sample in family.samples for name in sample.labels} - {"le"}


def test_they_are_those_of_the_contract() -> None:
    assert dict(labels_of(all_moved())) == COUNTED


def test_units_are_base_units_and_stand_in_the_name() -> None:
    board = Board()
    gauges.register(board).look()
    names = {family.name for family in board.metrics.registry.collect()}
    for name in names:
        assert re.fullmatch(r"(pywats|process)_[a-z_]+", name)
        assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)", name)
    timed = {name for name in names if re.search(r"seconds|time|age|lag", name)}
    assert {name for name in timed if "seconds" not in name} == set()


def test_no_series_of_creation_times_is_made() -> None:
    text = generate_latest(all_moved().registry).decode()
    assert "_created" not in text


def test_both_formats_are_understood_and_say_the_same() -> None:
    registry = all_moved().registry
    text = generate_latest(registry).decode()
    plain = text_string_to_metric_families(text)
    text = exposition.generate_latest(registry).decode()  # type: ignore[no-untyped-call] # not typed there
    opened = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call] # neither
    first, second = (
        {
            (sample.name, *sorted(sample.labels.items())): sample.value
            for family in families
            for sample in family.samples
        }
        for families in (plain, opened)
    )
    assert first == second
    assert len(first) > len(COUNTED)
