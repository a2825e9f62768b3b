# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201
"""A `FileConverter` that suspends a file until it is complete."""

from datetime import timedelta

from pywats_client.converters.file_converter import FileConverter
from pywats_client.converters.models import ConverterResult


class WaitingConverter(FileConverter):
    """Complete with a line `end`."""

    @property
    def name(self) -> str:
        return "Waiting"

    @property
    def file_patterns(self) -> list[str]:
        return ["*.part.txt"]

    def convert(self, source, context):
        lines = self.read_file_lines(source.path)
        if lines[-1] != "end":
            return ConverterResult.suspended_result(
                "the tester has not finished", retry_after=timedelta(milliseconds=20)
            )
        return ConverterResult.success_result(
            reports=[
                {
                    "type": "T",
                    "pn": "PN-1",
                    "sn": line,
                    "rev": "A",
                    "processCode": 10,
                    "result": "P",
                    "start": "2026-03-02T08:15:30+01:00",
                    "root": {
                        "stepType": "SequenceCall",
                        "name": "Main",
                        "group": "M",
                        "status": "P",
                        "seqCall": {"path": "main.seq", "name": "Main", "version": "1.0"},
                    },
                }
                for line in lines[:-1]
            ]
        )
