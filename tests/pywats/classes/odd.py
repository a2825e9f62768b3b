# mypy: ignore-errors
# ruff: noqa: ANN001, ANN201, ANN204, PTH208
"""Classes that are odd, wrong, or of a kind that does not run here."""

import logging
import os
from datetime import timedelta
from pathlib import Path

import pywats_client.converters as everything
from pywats_client import ConverterBase as FromRoot
from pywats_client.converters import (
    ConverterBase,
    ConverterContext,
    ConverterResult,
    FileConverter,
    FolderConverter,
    ScheduledConverter,
)
from pywats_client.converters.conversion_log import ConversionLog
from pywats_client.exceptions import FileFormatError

REPORT = {
    "type": "T",
    "pn": "PN-1",
    "sn": "SN-1",
    "rev": "A",
    "processCode": 10,
    "result": "P",
    "start": "2026-03-02T08:15:30+01:00",
    "root": {"stepType": "SequenceCall", "name": "Main", "group": "M", "status": "P"},
}
assert FromRoot is ConverterBase is everything.ConverterBase


class Named(FileConverter):
    @property
    def name(self):
        return type(self).__name__


class Folder(FolderConverter):
    name = "folder"

    def convert(self, source, context):
        raise AssertionError


class Clock(ScheduledConverter):
    name = "clock"

    async def run(self, context):
        raise AssertionError


class Unfinished(FileConverter):
    """Neither `name` nor `convert`."""


class NeedsAnArgument(Named):
    def __init__(self, port):
        super().__init__()
        self.port = port

    def convert(self, source, context):
        raise AssertionError


class Model:
    """Behaves as a pydantic model does; its id is made anew at each conversion."""

    def __init__(self, chosen):
        self.model_fields_set = {"pn", "id"} if chosen else {"pn"}

    def model_dump(self, *, mode, by_alias, exclude_none):
        assert (mode, by_alias, exclude_none) == ("json", True, True)
        return {**REPORT, "id": "11111111-2222-4333-8444-555555555555"}


class Models(Named):
    def convert(self, source, context):
        return ConverterResult.success_result([[Model(False)], (Model(True),)])


class Stumbles(Named):
    def convert(self, source, context):
        raise FileFormatError("no header", file_path=source.path.name, line_number=3)

    def on_failure(self, source, result, context):
        context.log_error(f"told: {result.status.value} {result.error}")


class NotWsjf(Named):
    def convert(self, source, context):
        return ConverterResult.success_result({"partNumber": "PN-1"})

    def on_failure(self, source, result, context):
        context.log_error(f"told: {result.error}")


class NoReport(Named):
    def convert(self, source, context):
        return ConverterResult.success_result()


class Text(Named):
    def convert(self, source, context):
        return ConverterResult.success_result("a report")


class Nothing(Named):
    def convert(self, source, context):
        return None


class Rejects(Named):
    def convert(self, source, context):
        return ConverterResult.rejected_result("not mine", confidence=0.1, threshold=0.2)


class WaitsForever(Named):
    def convert(self, source, context):
        return ConverterResult.suspended_result("next year", retry_after=timedelta(days=365))


class Looks(Named):
    """Tells what it was given, and writes its own log of the conversion."""

    def convert(self, source, context: ConverterContext):
        info = source.file_info
        beside = sorted(os.listdir(context.drop_folder))
        with ConversionLog.create_for_file(info.name) as log:
            log.step("looking")
            log.finalize(success=True)
        told = {
            "name": info.name,
            "size": info.size,
            "modified": info.modified_time.timestamp(),
            "original": source.metadata["original_path"],
            "beside": beside,
            "folders": [context.done_folder, context.error_folder, context.pending_folder],
            "client": context.api_client,
            "code": Path(self.source_path).name,
            "trusted": self.trusted_mode,
        }
        logging.getLogger("somebody.elses").warning("%r", told)
        return ConverterResult.success_result(REPORT)
