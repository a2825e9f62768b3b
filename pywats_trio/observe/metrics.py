"""The metrics of one service (contract section 11), each moved by its cause.

A registry of its own, so that several services in one process do not add up. Counters and
histograms are moved where things happen; what is true at the moment (depths, states, memory) is
read from the board when somebody scrapes (`observe.gauges`).
"""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, which no dashboard uses

_QUICK: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_WORK: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_LONG: Final = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400)
_BATCH: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """What is counted while it happens. All of prometheus-client's objects are thread-safe."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.restarts = self._counter(
            "pywats_service_restarts", "Parts that failed and were started again.", "part"
        )
        self.errors = self._counter(
            "pywats_errors", "Failures by the part and the class of the error.", "part", "class"
        )
        self.loop_lag = self._histogram(
            "pywats_event_loop_lag_seconds", "How late the event loop wakes a sleeper.", _QUICK
        )
        self.operation_seconds = self._histogram(
            "pywats_queue_operation_seconds",
            "From handing an operation to the queue to its commit.",
            _QUICK,
            "operation",
        )
        self.commit_batch = self._histogram(
            "pywats_queue_commit_batch_size", "Operations that shared a commit.", _BATCH
        )
        self.intake_files = self._counter(
            "pywats_intake_files",
            "Files by what became of them at the door: accepted, submitted, put_away, refused.",
            "converter",
            "outcome",
        )
        self.conversion_seconds = self._histogram(
            "pywats_converter_processing_time_seconds",
            "A conversion from its request to the worker's answer.",
            _WORK,
            "converter",
        )
        self.conversion_cpu = self._counter(
            "pywats_converter_cpu_seconds", "Processor time of conversions.", "converter"
        )
        self.conversion_memory = Gauge(
            "pywats_converter_peak_memory_bytes",
            "Most memory that the worker of the last conversion held.",
            ("converter",),
            registry=self.registry,
        )
        self.converted_files = self._counter(
            "pywats_converter_files", "Conversions by their outcome.", "converter", "outcome"
        )
        self.worker_restarts = self._counter(
            "pywats_worker_restarts", "Worker processes that ended, by the reason.", "reason"
        )
        self.worker_limit_changes = self._counter(
            "pywats_worker_limit_changes",
            "Changes of how many workers may run at once, by the reason.",
            "reason",
        )
        self.delivery_seconds = self._histogram(
            "pywats_delivery_seconds", "A report from its POST to the answer.", _WORK, "server"
        )
        self.delivery_attempts = self._counter(
            "pywats_delivery_attempts", "Answers about reports by class.", "server", "outcome"
        )
        self.delivered = self._counter(
            "pywats_reports_delivered", "Reports that the server took.", "converter"
        )
        self.end_to_end = self._histogram(
            "pywats_end_to_end_seconds",
            "From the first sight of the file to the delivery of a report of it.",
            _LONG,
            "converter",
        )
        self.ipc_requests = self._counter(
            "pywats_ipc_requests", "Requests of local control.", "command", "outcome"
        )
        self.http_requests = self._counter(
            "pywats_http_requests", "Requests of the HTTP side.", "route", "status"
        )

    def _counter(self, name: str, doc: str, *labels: str) -> Counter:
        return Counter(name, doc, labels, registry=self.registry)

    def _histogram(
        self, name: str, doc: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(name, doc, labels, buckets=buckets, registry=self.registry)
