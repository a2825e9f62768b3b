"""What a WATS server takes: letters, operators and lengths.

Lengths are those of the columns in the WATS client's published schema classes; operators and
letters are those of the server's OpenAPI description.
"""

from __future__ import annotations

from typing import Final

REPORT_TYPES: Final = frozenset("TR")
"""T: a test (UUT). R: a repair (UUR)."""
RESULTS: Final = "PFET"
STEP_STATUS: Final = "PFDSET"
STEP_LETTERS: Final = frozenset(STEP_STATUS + "U")
"""U, unknown, is in the schema, though hardly anybody writes it."""
MEASUREMENT_LETTERS: Final = STEP_LETTERS
GROUPS: Final = frozenset("SMC")

ONE_LIMIT: Final = frozenset({"EQ", "NE", "GT", "GE", "LT", "LE"})
TWO_LIMITS: Final = frozenset({"GELE", "GELT", "GTLE", "GTLT", "LEGE", "LEGT", "LTGE", "LTGT"})
NUMERIC_OPERATORS: Final = ONE_LIMIT | TWO_LIMITS | {"LOG", "EQT"}
STRING_OPERATORS: Final = frozenset({"LOG", "EQ", "NE", "CASESENSIT", "IGNORECASE"})

PROCESS_CODES: Final = range(-32768, 32768)
MAX_NESTED_STEPS: Final = 100
WILDCARDS: Final = frozenset("*%?_[]^!")
"""They make searches on the server misbehave in serial and part numbers."""

HEADER_LENGTHS: Final = {
    "pn": 100,
    "sn": 100,
    "rev": 100,
    "machineName": 100,
    "location": 100,
    "purpose": 100,
}
UNIT_LENGTHS: Final = {
    "user": 100,
    "comment": 5000,
    "batchSN": 100,
    "fixtureId": 100,
    "errorMessage": 500,
}
STEP_LENGTHS: Final = {"name": 100, "errorMessage": 200, "reportText": 100_000, "tsGuid": 30}
NUMERIC_LENGTHS: Final = {"name": 100, "unit": 20}
STRING_LENGTHS: Final = {"name": 100, "value": 100, "limit": 100}
BOOLEAN_LENGTHS: Final = {"name": 100}
MISC_LENGTHS: Final = {"description": 100, "text": 100}
SUB_UNIT_LENGTHS: Final = {"partType": 50, "pn": 100, "sn": 100, "rev": 100}
FAILURE_LENGTHS: Final = {"comRef": 50, "funcBlock": 100, "artNumber": 100, "artRev": 100}
