import contextlib
import math
from functools import partial
from typing import get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from selector import metrics, quantities
from selector.errors import UsageError
from selector.quantities import (
    format_points,
    format_price,
    format_quantity,
    parse_price,
    parse_quantity,
)

KINDS = get_args(quantities.Kind)


def test_kinds_are_those_of_the_metrics():
    assert get_args(metrics.Kind) == KINDS


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("50 ms", "time", 0.05),
        ("38.1ms", "time", 0.0381),
        ("20 min", "time", 1200.0),
        ("3 min 30 s", "time", 210.0),
        ("1 h 5 min 0.5 s", "time", 3900.5),
        ("200 µs", "time", 0.0002),
        ("200 μs", "time", 0.0002),
        ("16 GiB", "memory", 16 * 2**30),
        ("16 GB", "memory", 16e9),
        ("1.5 KiB", "memory", 1536.0),
        ("1.2 mJ", "energy", 0.0012),
        ("85 %", "fraction", 0.85),
        ("85%", "fraction", 0.85),
        ("0.85", "fraction", 0.85),
        ("1e-3", "fraction", 0.001),
        ("0.3 points", "fraction", 0.003),
        ("600 img/s", "rate", 600.0),
        ("1,040 img/s", "rate", 1040.0),
        ("40 /s", "rate", 40.0),
        ("5 USD", "money", 5.0),
        ("$0.82", "money", 0.82),
        ("120 M", "count", 120e6),
        ("28_600_000", "count", 28.6e6),
        ("-5 ms", "time", -0.005),
        ("−5 ms", "time", -0.005),
    ],
)
def test_reads_what_people_write(text, kind, value):
    assert parse_quantity(text, kind) == value


def test_every_percentage_is_the_nearest_float():
    """A published 0.847 and a limit of 84.7 % have to be equal, not one rounding apart."""
    for tenths in range(1001):
        assert parse_quantity(f"{tenths / 10} %", "fraction") == float(f"{tenths / 1000:.3f}")


@pytest.mark.parametrize(
    ("text", "kind", "part"),
    [
        ("50", "time", 'write for instance "50 ms"'),
        (50, "time", 'write for instance "50 ms"'),
        ("16", "memory", '"16 GiB"'),
        ("85", "fraction", "did you mean 85 %?"),
        ("50 MS", "time", "did you mean 'ms'?"),
        ("5 m", "time", "did you mean 'ms' or 'min'?"),
        ("16 G", "memory", "did you mean 'GB' or 'GiB'?"),
        ("16 gib", "memory", "did you mean 'GiB'?"),
        ("1.5 B", "count", "known are k, M, G"),
        ("0,5 s", "time", "did you mean 0.5?"),
        ("5 EUR", "money", "known are USD"),
        ("nan", "fraction", "is not a share"),
        ("inf s", "time", "is not a time"),
        ("1e999 s", "time", "too large"),
        ("e3 s", "time", "is not a time"),
        ("30 s 3 min", "time", "is not a time"),
        ("", "time", "nothing where a time should stand"),
        ("9" * 5000 + " s", "time", "too long"),
        ("٣ s", "time", "is not a time"),
    ],
)
def test_says_what_to_write_instead(text, kind, part):
    with pytest.raises(UsageError) as caught:
        parse_quantity(text, kind)
    assert part in str(caught.value)


def test_offers_the_example_it_is_given():
    with pytest.raises(UsageError, match="20 min"):
        parse_quantity("20", "time", "10 min")


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.0612, "time", "61.2 ms"),
        (0.05, "time", "50 ms"),
        (0.9996, "time", "1 s"),
        (0.00004321, "time", "43.2 µs"),
        (210.0, "time", "3 min 30 s"),
        (59.97, "time", "60 s"),
        (3600.0, "time", "1 h"),
        (2.9 * 2**30, "memory", "2.9 GiB"),
        (1023.9 * 2**20, "memory", "1 GiB"),
        (0.858, "fraction", "85.8 %"),
        (0.79, "fraction", "79.0 %"),
        (1.0, "fraction", "100 %"),
        (0.00123, "fraction", "0.123 %"),
        (1040.4, "rate", "1,040 img/s"),
        (0.82, "money", "0.82 USD"),
        (28.6e6, "count", "28.6 M"),
        (5288, "count", "5,288"),
        (4.09, "count", "4.09"),
        (1.2, "energy", "1.2 J"),
        (0.0, "time", "0 s"),
        (0, "count", "0"),
        (-0.05, "time", "−50 ms"),
    ],
)
def test_prints_what_people_read(value, kind, text):
    assert format_quantity(value, kind) == text


def test_more_digits_on_request():
    assert format_quantity(0.051234567, "time", digits=6) == "51.2346 ms"
    assert format_quantity(210.5, "time", digits=6) == "210.5 s"
    assert format_quantity(0.85, "fraction", digits=6) == "85 %"


@given(st.floats(1e-12, 1e14), st.sampled_from(KINDS), st.integers(3, 9), st.booleans())
@example(59.5, "time", 3, False)
@example(3599.7, "time", 3, False)
@example(999.5, "time", 3, True)
@example(0.9995, "fraction", 3, False)
def test_reads_back_what_it_prints(value, kind, digits, negative):
    signed = -value if negative and value < 59 else value
    text = format_quantity(signed, kind, digits)
    compound = kind == "time" and value >= 59 and digits == 3
    tolerance = 1 / 100 if compound else 0.5001 * 10.0 ** (1 - digits)
    assert parse_quantity(text, kind) == pytest.approx(signed, rel=tolerance)


@example(1.8e306, "fraction", 3)
@given(st.floats(allow_nan=True, allow_infinity=True), st.sampled_from(KINDS), st.integers(1, 9))
def test_prints_any_float(value, kind, digits):
    text = format_quantity(value, kind, digits)
    assert text
    assert len(text) <= quantities.LONGEST


@given(st.one_of(st.text(), st.text("0123456789.,eE+-−_ %/$smhinGMkKBJUSDimgµ"), st.floats(), st.integers()))
def test_reads_or_refuses_any_text(text):
    for read in [parse_price, *(partial(parse_quantity, kind=kind) for kind in KINDS)]:
        with contextlib.suppress(UsageError):
            assert math.isfinite(read(text))


@given(st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.sampled_from(["rate", "money", "count", "memory"]))
def test_printing_keeps_the_order(one, other, kind):
    low, high = sorted((one, other))
    assert parse_quantity(format_quantity(low, kind), kind) <= parse_quantity(format_quantity(high, kind), kind)


def test_prices_are_per_second():
    assert parse_price("3.06 USD/h") == pytest.approx(3.06 / 3600, rel=1e-15)
    assert parse_price("$3.06 / hour") == parse_price("3.06 USD/h")
    assert parse_price("86.4 USD/day") == pytest.approx(0.001)
    assert format_price(3.06 / 3600) == "3.06 USD/h"


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("3.06 USD", "the time it buys"),
        (3.06, "the time it buys"),
        ("3.06/h", "has no unit"),
        ("3.06 EUR/h", "known are USD"),
        ("3.06 USD/fortnight", "unknown time"),
    ],
)
def test_refuses_what_is_no_price(text, part):
    with pytest.raises(UsageError) as caught:
        parse_price(text)
    assert part in str(caught.value)


def test_points():
    assert format_points(0.06) == "6.0 points"
    assert format_points(-0.005) == "−0.5 points"
    assert format_points(-0.00001) == "0.0 points"


def test_a_number_too_large_for_the_smallest_unit_stands_in_the_base_unit() -> None:
    assert parse_quantity(format_quantity(1.8e302, "energy"), "energy") == 1.8e302
