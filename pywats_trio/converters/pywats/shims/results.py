"""What a pyWATS converter says: how sure it is, and what came of a conversion."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pywats_trio.converters.pywats.shims.enums import ConversionStatus, PostProcessAction

ALARM = 0.5
REJECT = 0.2
LATER = timedelta(seconds=60)


@dataclass
class ValidationResult:
    """How sure a converter is about a source (`confidence`, 0 to 1), and what it saw in it."""

    can_convert: bool
    confidence: float
    detected_part_number: str | None = None
    detected_serial_number: str | None = None
    detected_process: str | None = None
    detected_start_time: datetime | None = None
    detected_result: str | None = None
    detected_station: str | None = None
    message: str = ""
    warnings: list[str] = field(default_factory=list)
    ready: bool = True
    missing_dependencies: list[str] = field(default_factory=list)
    retry_after: timedelta | None = None

    def __post_init__(self) -> None:
        self.confidence = max(0.0, min(1.0, self.confidence))

    @property
    def is_below_alarm_threshold(self) -> bool:
        """Whether it is less sure than the default alarm threshold."""
        return self.confidence < ALARM

    def check_thresholds(
        self, alarm_threshold: float = ALARM, reject_threshold: float = REJECT
    ) -> tuple[bool, bool]:
        """Whether to alarm, and whether to reject."""
        return self.confidence < alarm_threshold, self.confidence < reject_threshold

    @classmethod
    def perfect_match(cls, message: str = "Perfect match", **detected: Any) -> ValidationResult:
        """The content was verified: 1.0."""
        return cls(can_convert=True, confidence=1.0, message=message, **detected)

    @classmethod
    def good_match(
        cls, confidence: float = 0.8, message: str = "Good match", **detected: Any
    ) -> ValidationResult:
        """The content looks right."""
        return cls(can_convert=True, confidence=confidence, message=message, **detected)

    @classmethod
    def pattern_match(
        cls, message: str = "Matched by file pattern only", **detected: Any
    ) -> ValidationResult:
        """Nothing but the name is known to fit: 0.3."""
        return cls(can_convert=True, confidence=0.3, message=message, **detected)

    @classmethod
    def no_match(cls, reason: str) -> ValidationResult:
        """This cannot be converted: 0."""
        return cls(can_convert=False, confidence=0.0, message=reason)

    @classmethod
    def not_ready(
        cls, missing: list[str], retry_after: timedelta | None = None, confidence: float = 0.7
    ) -> ValidationResult:
        """It could be converted, but something it needs is not there yet."""
        return cls(
            can_convert=True,
            confidence=confidence,
            ready=False,
            missing_dependencies=missing,
            retry_after=retry_after or LATER,
            message=f"Waiting for: {', '.join(missing)}",
        )


@dataclass
class ConverterResult:
    """What came of a conversion."""

    status: ConversionStatus
    report: Any = None
    reports: list[Any] = field(default_factory=list)
    error: str | None = None
    warnings: list[str] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    suspend_reason: str | None = None
    retry_after: timedelta | None = None
    retry_count: int = 0
    post_action: PostProcessAction = PostProcessAction.MOVE
    processing_time_ms: int | None = None
    records_processed: int = 0
    validation: ValidationResult | None = None

    @property
    def success(self) -> bool:
        """Whether it succeeded."""
        return self.status is ConversionStatus.SUCCESS

    @property
    def has_multiple_reports(self) -> bool:
        """Whether there are several reports."""
        return len(self.reports) > 1 or (self.report is not None and bool(self.reports))

    def get_all_reports(self) -> list[Any]:
        """`reports` if there are any, else the one report, else none."""
        if self.reports:
            return self.reports
        return [self.report] if self.report else []

    @classmethod
    def success_result(
        cls,
        report: Any = None,
        reports: list[Any] | None = None,
        post_action: PostProcessAction = PostProcessAction.MOVE,
        warnings: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        processing_time_ms: int | None = None,
    ) -> ConverterResult:
        """It succeeded."""
        return cls(
            ConversionStatus.SUCCESS,
            report=report,
            reports=reports or [],
            warnings=warnings or [],
            metadata=metadata or {},
            post_action=post_action,
            processing_time_ms=processing_time_ms,
            records_processed=len(reports) if reports else int(bool(report)),
        )

    @classmethod
    def failed_result(
        cls,
        error: str,
        post_action: PostProcessAction = PostProcessAction.KEEP,
        warnings: list[str] | None = None,
    ) -> ConverterResult:
        """It failed."""
        return cls(
            ConversionStatus.FAILED, error=error, warnings=warnings or [], post_action=post_action
        )

    @classmethod
    def suspended_result(
        cls,
        reason: str,
        retry_after: timedelta | None = None,
        retry_count: int = 0,
        metadata: dict[str, Any] | None = None,
    ) -> ConverterResult:
        """Not now."""
        return cls(
            ConversionStatus.SUSPENDED,
            suspend_reason=reason,
            retry_after=retry_after or LATER,
            retry_count=retry_count,
            metadata=metadata or {},
            post_action=PostProcessAction.KEEP,
        )

    @classmethod
    def skipped_result(cls, reason: str) -> ConverterResult:
        """This is not meant for the converter."""
        return cls(ConversionStatus.SKIPPED, error=reason, post_action=PostProcessAction.KEEP)

    @classmethod
    def rejected_result(cls, reason: str, confidence: float, threshold: float) -> ConverterResult:
        """The converter is not sure enough."""
        return cls(
            ConversionStatus.REJECTED,
            error=f"{reason} (confidence {confidence:.2f} below threshold {threshold:.2f})",
            post_action=PostProcessAction.KEEP,
        )
