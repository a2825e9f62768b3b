# mypy: ignore-errors
"""A `FileConverter` as its author wrote it for pyWATS: content checks, arguments, hooks."""

import logging
import re
from datetime import datetime
from typing import Any

from pywats_client.converters import (
    ArgumentDefinition,
    ArgumentType,
    ConverterContext,
    ConverterResult,
    ConverterSource,
    FileConverter,
    PostProcessAction,
    ValidationResult,
)

logger = logging.getLogger(__name__)


class BenchLogConverter(FileConverter):
    """Lines `NAME;VALUE;LOW;HIGH` below a header `BENCH serial part yyyy-mm-dd HH:MM:SS`."""

    def __init__(self) -> None:
        super().__init__()
        self.station = ""
        self.seen: list[str] = []

    @property
    def name(self) -> str:
        return "Bench Log (line 3)"

    @property
    def version(self) -> str:
        return "2.4.0"

    @property
    def file_patterns(self) -> list[str]:
        return ["*.bench", "*.log"]

    @property
    def arguments_schema(self) -> dict[str, ArgumentDefinition]:
        return {
            "operation": ArgumentDefinition(
                ArgumentType.INTEGER,
                default=10,
                description="process code of the test",
                min_value=1,
                max_value=999,
            ),
            "revision": ArgumentDefinition(ArgumentType.STRING, default="A", pattern=r"[A-Z]$"),
            "unit": ArgumentDefinition(ArgumentType.CHOICE, default="V", choices=["V", "A"]),
            "operator": ArgumentDefinition(ArgumentType.STRING),
            "keep": ArgumentDefinition(ArgumentType.BOOLEAN, default=False),
        }

    def on_load(self, context: ConverterContext) -> None:
        self.station = context.station_name
        context.log_info(f"loaded for operation {context.get_argument('operation')}")

    def validate(self, source: ConverterSource, context: ConverterContext) -> ValidationResult:
        head = self.read_file_text(source.path)[:200]
        if not head.startswith("BENCH"):
            return ValidationResult.no_match("no line BENCH at the beginning")
        if head.startswith("BENCH?"):
            return ValidationResult(True, float(head[6:].split()[0]), message="a draft")
        if "WAIT" in head:
            return ValidationResult.not_ready(["the second half"])
        return ValidationResult.perfect_match(detected_serial_number=head.split()[1])

    def convert(self, source: ConverterSource, context: ConverterContext) -> ConverterResult:
        header, *rows = self.read_file_lines(source.path)
        if "SKIP" in header:
            return ConverterResult.skipped_result("a sheet of calibration")
        if "FAIL" in header:
            return ConverterResult.failed_result("line 2 is broken", warnings=["odd header"])
        _, serial, part, day, time = header.split()
        logger.info("serial number %s", serial)
        reports = [
            self._report(context, f"{serial}-{number}", part, f"{day}T{time}", row)
            for number, row in enumerate(rows, 1)
        ]
        action = PostProcessAction.KEEP if context.get_argument("keep") else PostProcessAction.MOVE
        if len(reports) == 1:
            return ConverterResult.success_result(reports[0], post_action=action)
        # As many authors do: a list where one report belongs.
        return ConverterResult.success_result(
            report=reports, warnings=["several units in a file"], post_action=action
        )

    def _report(
        self, context: ConverterContext, serial: str, part: str, start: str, row: str
    ) -> dict[str, Any]:
        name, value, low, high = re.split(";", row)
        passed = float(low) <= float(value) <= float(high)
        status = "P" if passed else "F"
        return {
            "type": "T",
            "pn": part,
            "sn": serial,
            "rev": context.get_argument("revision"),
            "processCode": context.get_argument("operation"),
            "result": status,
            "start": datetime.fromisoformat(start).astimezone().isoformat(),
            "machineName": self.station,
            "uut": {"user": context.get_argument("operator", "nobody")},
            "root": {
                "stepType": "SequenceCall",
                "name": "Bench",
                "group": "M",
                "status": status,
                "seqCall": {"path": "bench.seq", "name": "Bench", "version": self.version},
                "steps": [
                    {
                        "stepType": "ET_NLT",
                        "name": name,
                        "group": "M",
                        "status": status,
                        "numericMeas": [
                            {
                                "value": float(value),
                                "unit": context.get_argument("unit"),
                                "compOp": "GELE",
                                "lowLimit": float(low),
                                "highLimit": float(high),
                                "status": status,
                            }
                        ],
                    }
                ],
            },
        }

    def on_success(
        self, source: ConverterSource, result: ConverterResult, context: ConverterContext
    ) -> None:
        self.seen.append(source.primary_name)
        context.log_info(f"success number {len(self.seen)}")

    def on_failure(
        self, source: ConverterSource, result: ConverterResult, context: ConverterContext
    ) -> None:
        context.log_error(f"failure: {result.error}")
        raise RuntimeError("the hook is broken, too")
