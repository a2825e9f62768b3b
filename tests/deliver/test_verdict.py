"""What each answer means: the classes of contract section 8."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.deliver.classes import TABLE, Class, class_of
from pywats_trio.deliver.transport import Answer, FailureKind, Phase, TransportError
from pywats_trio.deliver.verdict import Verdict, blamed, judge, judge_presence, judge_version

OURS = "0b9f6c1e-0000-4000-8000-00000000000a"
OTHER = "0b9f6c1e-0000-4000-8000-00000000000b"
JSON = {"content-type": "application/json"}


def answered(status: int, body: bytes = b"", **headers: str) -> Verdict:
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return judge(Answer(status, fields, body), OURS)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, Class.DELIVERED),
        (202, Class.DELIVERED),
        (299, Class.DELIVERED),
        (300, Class.MISDIRECTED),
        (302, Class.MISDIRECTED),
        (399, Class.MISDIRECTED),
        (400, Class.REJECTED),
        (401, Class.AUTH),
        (402, Class.REJECTED),
        (403, Class.AUTH),
        (404, Class.MISDIRECTED),
        (405, Class.MISDIRECTED),
        (407, Class.AUTH),
        (408, Class.SERVER),
        (409, Class.REJECTED),
        (413, Class.TOO_LARGE),
        (415, Class.REJECTED),
        (421, Class.MISDIRECTED),
        (422, Class.REJECTED),
        (425, Class.SERVER),
        (429, Class.THROTTLED),
        (499, Class.REJECTED),
        (500, Class.SERVER),
        (503, Class.SERVER),
        (599, Class.SERVER),
        (600, Class.PROTOCOL),
        (199, Class.PROTOCOL),
    ],
)
def test_each_status_has_its_class(status: int, kind: Class) -> None:
    assert answered(status).kind is kind


def test_no_status_stands_in_two_rows() -> None:
    for status in range(1000):
        assert sum(status in row.statuses for row in TABLE.values()) <= 1
        assert class_of(status) in Class


def test_the_table_has_a_row_for_each_class_and_a_class_for_each_failure() -> None:
    assert set(TABLE) == set(Class)
    assert {kind.value for kind in FailureKind} <= {kind.value for kind in Class}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b'{"ID":"%s","uuid":"%s","Report_ID":123}' % (OURS.encode(), OTHER.encode()),
        b'{"id":"%s"}' % OURS.upper().encode(),
        b'{"ID":"{%s}"}' % OURS.encode(),
        b'{"id":"%s"}' % OURS.replace("-", "").encode(),
        b'{"uuid":"%s"}' % OTHER.encode(),
        b'{"ID":"%s","uuid":"%s"}' % (OTHER.encode(), OURS.encode()),
        b'[{"ID":"%s"}]' % OURS.encode(),
        b'"%s"' % OURS.encode(),
        b'"OK"',
        b"[]",
        b"{}",
        b"null",
        b"true",
        b'{"ID":null,"id":7}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_a_success_without_another_id_is_a_delivery(body: bytes) -> None:
    verdict = answered(200, body)
    assert verdict.kind is Class.DELIVERED
    assert len(verdict.receipt.encode()) <= 1024


@pytest.mark.parametrize(
    "body",
    [
        b'{"ID":"%s","uuid":"%s"}' % (OTHER.encode(), OTHER.encode()),
        b'{"id":"%s"}' % OTHER.encode(),
        b'[{"ID":"%s"},{"ID":"%s"}]' % (OTHER.encode(), OURS.encode()),
        b'"%s"' % OTHER.encode(),
    ],
)
def test_a_success_that_names_another_id_is_a_protocol_error(body: bytes) -> None:
    verdict = answered(200, body)
    assert verdict.kind is Class.PROTOCOL
    assert OTHER in verdict.problem.message


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        (b"<html>Sign in</html>", {}, Class.MISDIRECTED),
        (b"\xef\xbb\xbf <!doctype html>", JSON, Class.MISDIRECTED),
        (b"Welcome!", {}, Class.MISDIRECTED),
        (b"Welcome!", JSON, Class.PROTOCOL),
        (b'{"ID":"0b9f6', {}, Class.PROTOCOL),
        (b"[" * 100_000, {}, Class.PROTOCOL),
        (b"\xff\xfe", {}, Class.MISDIRECTED),
    ],
)
def test_a_success_without_json_is_a_page_or_damaged(
    body: bytes, headers: dict[str, str], kind: Class
) -> None:
    assert judge(Answer(200, headers, body), OURS).kind is kind


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("body", "permanent"),
    [
        (b'{"Message":"unknown process 77"}', True),
        (b"unknown process 77", True),
        (b"", False),
        (b"{}", False),
        (b"<html>Bad Request</html>", False),
    ],
)
def test_400_and_422_are_final_if_the_server_says_why(
    status: int, body: bytes, permanent: bool
) -> None:
    verdict = answered(status, body)
    assert verdict.kind is Class.REJECTED
    assert verdict.permanent is permanent


def test_415_with_a_reason_is_not_final() -> None:
    assert not answered(415, b'"no"').permanent


def test_a_refusal_says_status_reason_hint_and_keeps_the_answer() -> None:
    problem = answered(400, b'{"Message":"unknown process 77"}').problem
    assert problem.kind == "rejected"
    assert problem.message == "the server refused the report (400): unknown process 77"
    assert problem.hint
    assert problem.evidence == '{"Message":"unknown process 77"}'


def test_too_large_is_final() -> None:
    assert answered(413).permanent


def test_only_a_409_asks_back() -> None:
    assert answered(409).ask_back
    assert not answered(415).ask_back


@pytest.mark.parametrize(("status", "suspect"), [(499, False), (500, True), (501, False)])
def test_only_a_500_may_be_the_reports_own_fault(status: int, suspect: bool) -> None:
    assert answered(status).suspect is suspect


def test_503_with_a_usable_retry_after_is_throttled() -> None:
    verdict = answered(503, retry_after="7")
    assert (verdict.kind, verdict.retry_after) == (Class.THROTTLED, 7.0)
    assert answered(503, retry_after="soon").kind is Class.SERVER


def test_429_is_throttled_with_or_without_retry_after() -> None:
    assert answered(429, retry_after="7").retry_after == 7.0
    assert answered(429).retry_after is None


def test_a_redirect_says_where_it_points_to() -> None:
    verdict = answered(302, location="https://login.example.com/")
    assert "https://login.example.com/" in verdict.problem.message


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("kind", FailureKind)
def test_only_a_read_timeout_among_failures_is_suspect(kind: FailureKind, phase: Phase) -> None:
    verdict = judge(TransportError(kind, "no", phase), OURS)
    assert verdict.kind == kind.value
    assert verdict.suspect == (kind is FailureKind.TIMEOUT and phase is Phase.READ)
    assert verdict.problem.message == "no"


@pytest.mark.parametrize(
    "body",
    [
        b'"2025.3.9.824"',
        b'{"version":"2025.3"}',
        b'{"Version":"1.2.3"}',
        b"\xef\xbb\xbf" + b'"1.2"',
    ],
)
def test_a_version_is_a_json_string_or_an_object_with_one(body: bytes) -> None:
    assert judge_version(Answer(200, {}, body)).kind is Class.DELIVERED


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", Class.MISDIRECTED),
        (200, b"{}", Class.MISDIRECTED),
        (200, b'"hello"', Class.MISDIRECTED),
        (200, b'"2025"', Class.MISDIRECTED),
        (200, b"2025.3", Class.MISDIRECTED),
        (200, b"[]", Class.MISDIRECTED),
        (200, b"<html>", Class.MISDIRECTED),
        (204, b'"2025.3.9.824"', Class.MISDIRECTED),
        (400, b'"no"', Class.MISDIRECTED),
        (413, b"", Class.MISDIRECTED),
        (404, b"", Class.MISDIRECTED),
        (301, b"", Class.MISDIRECTED),
        (401, b"", Class.AUTH),
        (500, b"", Class.SERVER),
        (429, b"", Class.THROTTLED),
    ],
)
def test_any_other_answer_to_the_version_request_is_no_wats_server(
    status: int, body: bytes, kind: Class
) -> None:
    assert judge_version(Answer(status, {}, body)).kind is kind


def test_no_answer_to_the_version_request_keeps_its_class() -> None:
    error = TransportError(FailureKind.TLS, "no", Phase.TLS)
    assert judge_version(error).kind is Class.TLS


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b'{"id":"%s"}' % OURS.encode(), Class.DELIVERED),
        (200, b"{}", Class.REJECTED),
        (200, b"", Class.REJECTED),
        (404, b"", Class.REJECTED),
        (400, b"", Class.REJECTED),
        (200, b"<html>", Class.MISDIRECTED),
        (200, b'{"id":"%s"}' % OTHER.encode(), Class.PROTOCOL),
        (503, b"", Class.SERVER),
        (401, b"", Class.AUTH),
    ],
)
def test_after_a_409_only_the_report_itself_counts_as_delivered(
    status: int, body: bytes, kind: Class
) -> None:
    refused = answered(409)
    assert judge_presence(Answer(status, {}, body), OURS, refused).kind is kind


def test_a_server_that_fails_on_the_question_does_not_blame_the_report() -> None:
    refused = answered(409)
    assert not judge_presence(Answer(500, {}, b""), OURS, refused).suspect
    late = TransportError(FailureKind.TIMEOUT, "late", Phase.READ)
    verdict = judge_presence(late, OURS, refused)
    assert (verdict.kind, verdict.suspect) == (Class.TIMEOUT, False)


@given(
    status=st.integers(0, 999),
    body=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["ID", "id", "uuid", "Message", "error", "errors", "version", "x"]),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    ).map(lambda value: json.dumps(value).encode()),
    headers=st.dictionaries(
        st.sampled_from(["retry-after", "date", "location", "content-type"]), st.text(max_size=20)
    ),
)
def test_no_answer_breaks_the_judge(status: int, body: bytes, headers: dict[str, str]) -> None:
    answer = Answer(status, headers, body)
    refused = answered(409)
    for verdict in (
        judge(answer, OURS, 1.0),
        judge_version(answer, 1.0),
        judge_presence(answer, OURS, refused, 1.0),
    ):
        assert len(verdict.problem.evidence.encode()) <= 1024
        verdict.problem.message.encode()
        verdict.receipt.encode()


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (json.dumps({"id": OTHER}), Class.REJECTED),
        (json.dumps({"id": OTHER.upper()}), Class.REJECTED),
        (json.dumps({"id": OTHER.replace("-", "")}), Class.REJECTED),
        (json.dumps({"id": OURS}), Class.PROTOCOL),
    ],
)
@pytest.mark.parametrize("told", [OTHER, OTHER.upper(), f"{{{OTHER}}}"])
def test_a_report_that_holds_the_id_that_was_answered_for_is_to_blame(
    payload: str, kind: Class, told: str
) -> None:
    verdict = answered(200, json.dumps({"ID": told}).encode(), content_type="application/json")
    assert verdict.kind is Class.PROTOCOL
    found = blamed(verdict, payload.encode())
    assert found.kind is kind
    assert found.permanent == (kind is Class.REJECTED)


def test_what_is_no_guid_blames_no_report() -> None:
    verdict = answered(200, b'{"ID": "a"}', content_type="application/json")
    assert blamed(verdict, b"a") is verdict
    assert blamed(answered(500), b"") == answered(500)
