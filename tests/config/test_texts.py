"""Names, addresses and tokens in their normal form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pywats_trio.config.mistakes import BadValue
from pywats_trio.config.texts import name, proxy_address, server_address, token


@pytest.mark.parametrize("length", [1, 2, 63, 64])
def test_a_name_up_to_the_limit_is_taken(length: int) -> None:
    assert name("n" * length) == "n" * length


@pytest.mark.parametrize("length", [0, 65])
def test_a_name_beyond_the_limits_is_refused(length: int) -> None:
    with pytest.raises(BadValue, match="1 to 64 characters"):
        name("n" * length)


@pytest.mark.parametrize("text", ["a/b", "a\\b", "a:b", "a\nb", "a\x7f", " a", "a ", ".", ".."])
def test_a_name_that_is_no_file_name_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="is no usable name"):
        name(text)


def test_a_name_may_be_in_any_language() -> None:
    assert name("Prüfplatz 3 - 測試") == "Prüfplatz 3 - 測試"


@pytest.mark.parametrize("ending", ["", "/", "/api", "/api/", "//"])
def test_the_end_of_an_address_does_not_matter(ending: str) -> None:
    assert server_address(f"https://wats.example.com{ending}") == "https://wats.example.com"


def test_an_address_keeps_its_port_and_path() -> None:
    assert server_address("http://[::1]:8080/wats/api") == "http://[::1]:8080/wats"
    assert server_address("http://host/my-api") == "http://host/my-api"


@pytest.mark.parametrize(
    "text",
    ["wats.example.com", "ftp://x", "https://", "http://:80", "http://x:0", "http://x:99999",
     "http://x:port", "http://a b", "http://x/\n", "http://[x", "/api"],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="address"):
        server_address(text)


@pytest.mark.parametrize("text", ["http://x?y", "http://x#y"])
def test_an_address_with_a_query_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="query or a fragment"):
        server_address(text)


def test_a_password_belongs_in_the_proxy_and_not_in_the_server() -> None:
    with pytest.raises(BadValue, match=r"put the token in server\.token"):
        server_address("http://user:hidden@x")
    assert proxy_address("http://user:hidden@x:3128") == "http://user:hidden@x:3128"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1))
def test_a_token_is_taken_with_and_without_basic(text: str) -> None:
    assert token(text) == text
    assert token(f"Basic {text}\n") == text


@pytest.mark.parametrize("text", ["a b", "a\nb", "Bearer x", "ä", "a\0"])
def test_a_token_that_cannot_stand_in_a_header_is_refused(text: str) -> None:
    with pytest.raises(BadValue, match="one line of ASCII"):
        token(text)
