"""Strict reading and exact writing of JSON."""

import decimal
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pyramid_bookstore.errors import InvalidJSON
from pyramid_bookstore.values.jsontext import MAX_DEPTH, dumps, loads

STRINGS = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
MODEL = st.recursive(
    st.none() | st.booleans() | NUMBERS | STRINGS,
    lambda inner: st.lists(inner) | st.dictionaries(STRINGS, inner),
    max_leaves=8,
)


@given(MODEL)
def test_loads_returns_the_value_that_dumps_wrote(value: Any) -> None:
    assert loads(dumps(value)) == value


@given(MODEL, st.sampled_from([None, 1]), st.booleans())
def test_json_written_by_the_standard_library_is_read(
    value: Any, indent: int, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only, default=float)
    assume("Infinity" not in text)
    assert loads(text.encode()) == json.loads(text, parse_float=Decimal)


@given(st.binary() | st.text('[]{}",:\\ud8019eE+-.truefalsn \n\x00').map(str.encode))
def test_any_bytes_are_read_like_the_standard_library_or_refused(body: bytes) -> None:
    try:
        value = loads(body)
    except InvalidJSON as refused:
        refused.message.encode()
    else:
        assert value == json.loads(body, parse_float=Decimal)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "empty"), (b" \n", "empty"), (b'\xef\xbb\xbf{"a": 1}', "byte order mark"),
        (b'"\xff"', r"not UTF-8 \(at byte 2\)"), ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "not JSON"), (b'"\xed\xa0\x80"', "not UTF-8"),
        (b"[NaN]", "NaN is not"), (b"Infinity", "Infinity is not"),
        (b"-Infinity", "-Infinity is not"),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', 'name "c" occurs twice'),
        (b'{"\\ud800": 1, "\\ud800": 2}', r'name "\\ud800" occurs twice'),
        (b'{"a": "\\ud800"}', r"lone surrogate, \\ud800 \(line 1, column 8\)"),
        (b'[\n"\\uDC00"]', r"lone surrogate, \\uDC00 \(line 2, column 2\)"),
        (b'{"\\ud83d\\ud83d\\ude00": 1}', "lone surrogate"),
        (b"[1,\n 2,]", r"Expecting value \(line 2, column 4\)"),
        (b'["a', r"Unterminated string \(line 1, column 2\)"),
        (b'["a\tb"]', r"Invalid control character \(line 1, column 4\)"),
        (b"[1] 2", "Extra data"), (b"{'a': 1}", "double quotes"), (b"[01]", "delimiter"),
        (b"[.5]", "Expecting value"), (b"[+1]", "Expecting value"), (b"[1.]", "delimiter"),
    ],
)  # fmt: skip
def test_invalid_json_is_refused_with_reason_and_position(body: bytes, message: str) -> None:
    with pytest.raises(InvalidJSON, match=message):
        loads(body)


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (b'{"a": 1,}', True), (b"[1, ]", True), (b'{"a": [1,\n]}', True), (b'{"a": 1,\n\t}', True),
        (b"[1,, 2]", False), (b'["a,]" x]', False), (b'["a,]", x]', False), (b"[1 2, ]", False),
        (b"[1,", False), (b"x", False),
    ],
)  # fmt: skip
def test_a_comma_at_the_end_of_an_object_or_list_is_named_and_nothing_else_is(
    body: bytes, named: bool
) -> None:
    with pytest.raises(InvalidJSON) as caught:
        loads(body)
    assert caught.value.message.endswith("A comma before } or ] is not allowed.") is named


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 33 + b"]" * 33])
def test_too_deeply_nested_json_is_refused_before_parsing(body: bytes) -> None:
    with pytest.raises(InvalidJSON, match="nested too deeply"):
        loads(body)


def test_nesting_depth_counts_only_open_brackets_outside_strings() -> None:
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    assert loads(b"[" + b"[]," * 100 + b'"\\"[{[{' + b"[" * 100 + b'"]')[-1].startswith('"[{')
    with pytest.raises(InvalidJSON, match="Unterminated"):
        loads(b'"' + b'\\"[' * 300_000)


def test_escaped_surrogate_pairs_and_backslashes_are_read() -> None:
    assert loads(rb'["\ud83d\ude00", "\\ud800", "\uD7FF"]') == ["😀", "\\ud800", "\ud7ff"]


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b"-0", 0), (b"39.99", Decimal("39.99")), (b"5.0", Decimal("5.0")),
        (b"0.1000000000000000055511151231257827", Decimal("0.1000000000000000055511151231257827")),
        (b"15e-1", Decimal("1.5")), (b"1e400", Decimal("1e400")),
        (b"1E999999999", Decimal("1e999999999")),
        (b"1" * 400, int("1" * 400)), (b"-" + b"9" * 5000, Decimal("-" + "9" * 5000)),
        (b"1e99999999999999999999", Decimal("1e999999999999999999")),
        (b"-1.5e99999999999999999999", Decimal("-1e999999999999999999")),
        (b"2E-99999999999999999999", Decimal("1e-999999999999999999")),
        (b"-0.0e99999999999999999999", Decimal(0)),
    ],
)  # fmt: skip
def test_numbers_are_read_exactly_and_huge_exponents_are_capped(body: bytes, value: Any) -> None:
    assert loads(body) == value
    assert type(loads(body)) is type(value)


@pytest.mark.parametrize("traps", [[], [decimal.InvalidOperation, decimal.FloatOperation]])
def test_numbers_do_not_depend_on_the_decimal_context_of_the_host(traps: list[Any]) -> None:
    with decimal.localcontext(decimal.Context(prec=3, traps=traps)):
        assert loads(b"12345.678") == Decimal("12345.678")
        assert loads(b"1e99999999999999999999") == Decimal("1e999999999999999999")


def test_json_output_is_compact_with_exact_numbers_and_utc_times() -> None:
    identifier = UUID("0190b5e0-7c3a-7000-8000-000000000001")
    assert (
        dumps(
            {
                "id": identifier,
                "price": Decimal("1.50"),
                "huge": [Decimal("1E+5"), Decimal("15E-1"), Decimal("0E-10"), 10**30],
                "at": [
                    datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
                    datetime(2025, 1, 2, tzinfo=UTC),
                ],
                "text": "ß\n\0",
            }
        )
        == (
            '{"id":"0190b5e0-7c3a-7000-8000-000000000001","price":1.50,'
            '"huge":[1E+5,1.5,0E-10,1000000000000000000000000000000],'
            '"at":["2025-01-02T03:04:05.678901Z","2025-01-02T00:00:00Z"],"text":"ß\\n\\u0000"}'
        ).encode()
    )


@pytest.mark.parametrize(
    ("value", "error"), [("\ud800", UnicodeEncodeError), (object(), TypeError)]
)
def test_values_without_a_json_form_raise(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        dumps(value)
