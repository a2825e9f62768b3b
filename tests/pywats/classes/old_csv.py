# mypy: ignore-errors
"""A `ConverterBase`, the older generation, imported from the submodules."""

from pathlib import Path
from typing import Any

from pywats_client.converters.base import ConverterArguments, ConverterBase
from pywats_client.converters.models import ConverterResult, FileInfo


class OldCsvConverter(ConverterBase):
    """`serial,part,result,start` in the second line."""

    @property
    def name(self) -> str:
        return "Old CSV"

    @property
    def version(self) -> str:
        return "0.9"

    @property
    def supported_extensions(self) -> list[str]:
        return [".csv"]

    def validate_file(self, file_info: FileInfo) -> tuple[bool, str]:
        valid, reason = super().validate_file(file_info)
        if valid and file_info.size > 1000:
            return False, f"too large: {file_info.size} bytes"
        return valid, reason

    def get_arguments(self) -> dict[str, Any]:
        return {
            "delimiter": {"type": "string", "default": ",", "description": "between columns"},
            "process_code": {"type": "int", "default": 10, "min": 1, "max": 99},
            "rev": "A",
        }

    def convert_file(self, file_path: Path, args: ConverterArguments) -> ConverterResult:
        log = args.conversion_log
        log.step("Reading", metadata={"size": args.file_info.size})
        lines = file_path.read_text().splitlines()
        try:
            serial, part, result, start = lines[1].split(args.user_settings["delimiter"])
        except ValueError as error:
            log.error(f"line 2 of {args.file_info.name}", exception=error)  # noqa: TRY400
        log.warning("no operator in this format")
        (args.done_folder / "note.txt").write_text(serial)
        return ConverterResult.success_result(
            {
                "type": "T",
                "pn": part,
                "sn": serial,
                "rev": self.user_settings["rev"],
                "processCode": args.user_settings["process_code"],
                "result": result,
                "start": start,
                "root": {
                    "stepType": "SequenceCall",
                    "name": "Main",
                    "group": "M",
                    "status": result,
                    "seqCall": {"path": "main.seq", "name": "Main", "version": "1.0"},
                },
            }
        )
