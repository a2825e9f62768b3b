"""The names that are known, first hit first: in lower case, without hyphens and underscores.

pyWATS's converter knows the same ones. No file of a real tester was at hand.
"""

from __future__ import annotations

from typing import Final

ROOTS: Final = frozenset({"testresults", "testexecresults", "results", "testexecsl"})

HEADER: Final = ("header", "testheader", "fileheader")
UNIT: Final = ("uut", "unit", "dut", "device", "product")
SUMMARY: Final = ("summary", "testsummary")
CONTAINERS: Final = frozenset({"testsequence", "tests", "testresults", "sequence", "steps"})
"""Children of the root that hold the tests; anywhere else they are groups."""
GROUPS: Final = frozenset({"testgroup", "group", "subsection", *CONTAINERS})
TESTS: Final = frozenset({"test", "teststep", "step", "measurement"})
MEASUREMENTS: Final = frozenset({"measurement", "measurements"})
"""Children of a test that hold its values."""

PROGRAM: Final = ("programname", "testprogram", "sequencename", "name")
PROGRAM_VERSION: Final = ("programversion", "version", "sequenceversion")
STATION: Final = ("stationid", "station", "stationname", "teststation")
OPERATOR: Final = ("operator", "operatorid", "user", "technician")
LOCATION: Final = ("location", "site", "facility")
START: Final = ("starttime", "start", "teststart", "begintime")
END: Final = ("endtime", "end", "testend", "finishtime")

SERIAL_NUMBER: Final = ("serialnumber", "serial", "sn", "unitserial", "unitid")
PART_NUMBER: Final = ("partnumber", "part", "pn", "productnumber", "model")
REVISION: Final = ("revision", "rev", "version", "hwrevision")
BATCH: Final = ("batch", "lot", "batchnumber", "lotnumber")

STATUS: Final = ("status", "result", "outcome")
RESULT: Final = (*STATUS, "finalresult")
DURATION: Final = ("duration", "testtime", "executiontime", "totaltime")
COUNTS: Final = (
    ("Total tests", ("totaltests", "total", "testcount")),
    ("Passed tests", ("passedtests", "passed", "passcount")),
    ("Failed tests", ("failedtests", "failed", "failcount")),
)

GROUP_NAME: Final = ("name", "groupname", "title")
TEST_NAME: Final = ("name", "testname", "stepname")
VALUE: Final = ("value", "measuredvalue", "data")
VALUE_OR_STATUS: Final = "result"
"""A value where it is a number."""
MEASUREMENT_UNIT: Final = ("units", "unit", "measurementunit")
LOW: Final = ("lowlimit", "lowerlimit", "min", "ll")
HIGH: Final = ("highlimit", "upperlimit", "max", "hl", "ul")
