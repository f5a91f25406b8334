from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbtwist.model.hostname import HostName, parse_domain, parse_host, parse_host_name

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)


def test_reads_a_name_and_a_port() -> None:
    assert parse_host_name("App1.internal:8080") == HostName("app1.internal", 8080)
    assert str(parse_host_name("app1.internal:8080")) == "app1.internal:8080"


def test_default_port_is_used_only_where_there_is_none() -> None:
    assert parse_host_name("app1", 80) == HostName("app1", 80)
    assert parse_host_name("app1:81", 80) == HostName("app1", 81)
    with pytest.raises(ValueError, match="has no port"):
        parse_host_name("app1")


@pytest.mark.parametrize(
    "text",
    ["a:", "a:0", "a:65536", "a:80:", "a:80:80", "a:+80", "a: 80", "a:80 ", "a:80\n", "a:080", ":80"],
)
def test_a_port_is_strict(text: str) -> None:
    with pytest.raises(ValueError, match=r"port|not the name"):
        parse_host_name(text, 80)


@pytest.mark.parametrize(
    "name", ["a", "a.b", "1a", "a-b", "3com.net", "xn--bcher-kva.example", "a" * 63, "0.a"]
)
def test_names_of_hosts(name: str) -> None:
    assert parse_host(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "a.",
        ".a",
        "a..b",
        "-a",
        "a-",
        "a-.b",
        "a_b",
        "a b",
        "a\n",
        "a\0",
        "bücher.example",
        "٣.example",
        "a/b",
        "[a]",
        "a" * 64,
    ],
)
def test_no_names_of_hosts(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a host"):
        parse_host(name)


@pytest.mark.parametrize("name", ["10.0.0.1", "1", "a.1", "0x7f000001", "a.0x", "a.0XFF", "256.1.1.1"])
def test_what_would_be_taken_for_an_address_is_no_name(name: str) -> None:
    for parse in parse_host, parse_domain:
        with pytest.raises(ValueError, match="is not"):
            parse(name)


def test_what_is_no_name_is_repeated_beside_one_without_a_port() -> None:
    with pytest.raises(ValueError, match=r"^'a_b' is not the name of a host, as app1\.internal$"):
        parse_host("a_b")


def test_a_name_has_at_most_253_characters() -> None:
    longest = ".".join(["a" * 49] * 5) + ".com"
    assert len(longest) == 253
    assert (parse_host(longest), parse_domain(longest)) == (longest, longest)
    with pytest.raises(ValueError, match="not the name"):
        parse_host("a" + longest)


def test_a_domain_may_have_underscores() -> None:
    assert parse_domain("_http._tcp.My_App.internal") == "_http._tcp.my_app.internal"
    for wrong in ("", "a.", "a..b", "a b", "_http._tcp.", "a" * 64, "a" * 254):
        with pytest.raises(ValueError, match="is not a name"):
            parse_domain(wrong)


@given(st.lists(LABELS, min_size=1, max_size=5), st.integers(1, 65535))
def test_what_is_shown_is_read_again(labels: list[str], port: int) -> None:
    text = f"{'.'.join(labels)}.example:{port}"
    assert str(parse_host_name(text)) == text


@given(st.text(max_size=30))
def test_any_text_is_a_name_or_a_value_error(text: str) -> None:
    try:
        name = parse_host_name(text, 80)
    except ValueError:
        return
    assert parse_host_name(str(name)) == name
