"""People's units, both ways: "50 ms", "16 GiB", "85 %", "600 img/s", "3.06 USD/h" parsed and printed in one place.

Inside the program every figure is in its base unit: seconds, bytes, joules, fractions, USD, images per second and
plain counts. Parsing is decimal, so that "85 %" is exactly the float 0.85 and compares equal to a published 0.85.
Unit names are exact ("mJ" is not "MJ"); a near miss is answered with the right spelling.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Literal

from selector.errors import UsageError, suggest

Kind = Literal["time", "memory", "energy", "fraction", "money", "rate", "count"]
"""What a figure counts, hence the units it is written in. The same words as `selector.metrics.Kind`."""

LONGEST = 64
"""Characters of the longest text that is read as a quantity."""


@dataclass(frozen=True)
class _Units:
    """The units of one kind.

    Attributes:
        noun: The kind in a sentence, with its article.
        example: A well written quantity.
        groups: (size in base units, names of that unit), the usual name first.
        shown: (size in base units, name) of the units that are printed, largest first.
        bare: Whether a number may stand without a unit.
        factors: Every unit's size in base units.
    """

    noun: str
    example: str
    groups: tuple[tuple[str, str], ...]
    shown: tuple[tuple[float, str], ...]
    bare: bool = False
    factors: dict[str, Decimal] = field(init=False)

    def __post_init__(self) -> None:
        sizes = {name: Decimal(size) for size, names in self.groups for name in names.split()}
        object.__setattr__(self, "factors", {**sizes, "": Decimal(1)} if self.bare else sizes)

    @property
    def usual(self) -> list[str]:
        """One name of every unit."""
        return [names.split()[0] for _, names in self.groups]


_TIME = _Units(
    "a time",
    "50 ms",
    (
        ("1e-9", "ns"),
        ("1e-6", "us µs μs"),
        ("1e-3", "ms"),
        ("1", "s sec second seconds"),
        ("60", "min minute minutes"),
        ("3600", "h hour hours"),
    ),
    ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")),
)
_MEMORY = _Units(
    "an amount of memory",
    "16 GiB",
    (
        ("1", "B bytes"),
        ("1e3", "kB KB"),
        ("1e6", "MB"),
        ("1e9", "GB"),
        ("1e12", "TB"),
        ("1024", "KiB kiB"),
        ("1048576", "MiB"),
        ("1073741824", "GiB"),
        ("1099511627776", "TiB"),
    ),
    ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B")),
)
_ENERGY = _Units(
    "an energy",
    "1.2 J",
    (("1e-6", "uJ µJ μJ"), ("1e-3", "mJ"), ("1", "J Ws"), ("1e3", "kJ"), ("3600", "Wh"), ("3.6e6", "kWh")),
    ((1e3, "kJ"), (1.0, "J"), (1e-3, "mJ"), (1e-6, "µJ")),
)
_FRACTION = _Units("a share", "85 %", (("0.01", "% percent points point pp"),), ((0.01, "%"),), bare=True)
_MONEY = _Units("an amount of money", "5 USD", (("1", "USD $"),), ((1.0, "USD"),))
_RATE = _Units(
    "a rate",
    "600 img/s",
    (("1", "img/s /s image/s images/s img/sec /sec images/sec"),),
    ((1.0, "img/s"),),
)
_COUNT = _Units(
    "a count",
    "120 M",
    (("1e3", "k K"), ("1e6", "M"), ("1e9", "G")),
    ((1e9, "G"), (1e6, "M"), (1.0, "")),
    bare=True,
)
_UNITS: dict[Kind, _Units] = {
    "time": _TIME,
    "memory": _MEMORY,
    "energy": _ENERGY,
    "fraction": _FRACTION,
    "money": _MONEY,
    "rate": _RATE,
    "count": _COUNT,
}
MONTH_SECONDS = 365.25 * 86_400 / 12
"""Seconds of a month, on average."""

_PERIODS = {"s": 1, "second": 1, "min": 60, "minute": 60, "h": 3600, "hour": 3600, "day": 86400}

_NUMBER = r"[-+−]?(?:[0-9]{1,3}(?:[,_][0-9]{3})+|[0-9]+)?(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?"
_QUANTITY = re.compile(rf"(?P<number>{_NUMBER}) ?(?P<unit>[^0-9.,+−-][^0-9]*)?")
_PART = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>[a-zµμ]+) ?")


def parse_quantity(text: str | int | float, kind: Kind, example: str = "") -> float:
    """A quantity as people write it, in base units.

    Times may be compound ("3 min 30 s"); thousands may be set apart ("1,040 img/s"); shares are written with
    "%" or "points" or as a bare number up to 1. Shares and counts may stand without a unit, all others not.

    Args:
        text: What was written.
        kind: What it counts.
        example: A quantity for messages to offer, where the kind's own would be odd.

    Raises:
        UsageError: Not a finite number, or a unit that is missing or unknown; the message says what to write.
    """
    units = replace(_UNITS[kind], example=example) if example else _UNITS[kind]
    written = _tidy(text, units.noun, units.example)
    if kind == "money" and written.startswith("$"):
        written = f"{written.removeprefix('$')} $"
    compound = _compound(written) if kind == "time" else None
    if compound is not None:
        return compound
    number, unit = _split(written, units)
    if unit not in units.factors:
        raise UsageError(_unit_problem(written, number, unit, units))
    value = float(number * units.factors[unit])
    if not math.isfinite(value):
        raise UsageError(f"{written!r} is too large a number")
    if kind == "fraction" and not unit and abs(value) > 1:
        raise UsageError(f"{written!r} has no unit and a bare share lies between 0 and 1: did you mean {number} %?")
    return value


def parse_price(text: str | int | float) -> float:
    """A price of time such as "3.06 USD/h", in USD per second.

    Raises:
        UsageError: It is not an amount of money per time; the message says what to write.
    """
    written = _tidy(text, "a price", "3.06 USD/h")
    amount, slash, period = (part.strip() for part in written.partition("/"))
    if not slash:
        raise UsageError(f'{written!r} is not a price: write the money and the time it buys, e.g. "3.06 USD/h"')
    if period not in _PERIODS:
        raise UsageError(f"unknown time {period!r} in a price; known are {', '.join(_PERIODS)}")
    return parse_quantity(amount, "money") / _PERIODS[period]


def format_quantity(value: float, kind: Kind, digits: int = 3) -> str:
    """A value in people's units: "61.2 ms", "2.9 GiB", "85.8 %", "1,040 img/s", "0.82 USD", "28.6 M", "1.2 J".

    `parse_quantity` reads it back within the rounding. Shares keep at least one decimal, so that accuracies of
    different models stand alike; elsewhere trailing zeros are cut. Times of a minute and more are compound
    unless more than three digits are asked for.

    Args:
        value: In base units.
        kind: What it counts.
        digits: Significant digits; a whole part is never rounded to fewer than it has.
    """
    shown = _UNITS[kind].shown
    if not math.isfinite(value / shown[-1][0]):
        return f"{value} {next((name for size, name in shown if size == 1), shown[0][1])}".strip()
    if kind == "time" and abs(value) >= 60 and digits <= 3:
        return _format_compound(value)
    if value == 0:
        unit = next(name for size, name in shown if size == 1 or kind == "fraction")
        return f"0 {unit}".strip()
    size, unit = next((entry for entry in shown if abs(_rounded(value / entry[0], digits)) >= 1), shown[-1])
    number = _percent(value / size, digits) if kind == "fraction" else _plain(value / size, digits)
    return f"{number} {unit}".strip()


def parse_traffic(text: str | int | float) -> float:
    """A traffic such as "20 M/month" or "600 img/s", in images per second.

    Raises:
        UsageError: It is not a number of images per time; the message says what to write.
    """
    written = _tidy(text, "a traffic", "20 M/month")
    amount, slash, period = (part.strip() for part in written.partition("/"))
    if not slash:
        raise UsageError(f'{written!r} is not a traffic: write images and the time they come in, e.g. "20 M/month"')
    periods = {**_PERIODS, "week": 7 * 86400, "month": MONTH_SECONDS, "year": 12 * MONTH_SECONDS}
    if period not in periods:
        raise UsageError(f"unknown time {period!r} in a traffic; known are {', '.join(periods)}")
    for name in ("images", "image", "img"):  # "600 img/s", "20 M images/month"
        amount = amount.removesuffix(name).strip()
    return parse_quantity(amount, "count") / periods[period]


def format_traffic(traffic: float) -> str:
    """Images per second as images per month: "20 M/month"."""
    return f"{format_quantity(traffic * MONTH_SECONDS, 'count')}/month"


def format_points(difference: float) -> str:
    """A difference of two shares in points: 0.06 becomes "6.0 points"."""
    return f"{_minus(f'{100 * difference:.1f}')} points"


def format_price(price: float) -> str:
    """A price of time: USD per second become "3.06 USD/h"."""
    return f"{format_quantity(3600 * price, 'money')}/h"


def _tidy(text: str | int | float, noun: str, example: str) -> str:
    """The text with single blanks, of bounded length."""
    written = " ".join(str(text)[: 4 * LONGEST].split())
    if len(written) > LONGEST:
        raise UsageError(f'{written[:20]!r}… is too long for {noun}; write for instance "{example}"')
    if not written:
        raise UsageError(f'there is nothing where {noun} should stand; write for instance "{example}"')
    return written


def _split(written: str, units: _Units) -> tuple[Decimal, str]:
    """Number and unit of a tidy text."""
    match = _QUANTITY.fullmatch(written)
    if match is None or not re.search("[0-9]", re.split("[eE]", match["number"])[0]):
        comma = re.match("([-+−]?[0-9]+),([0-9]+)", written)
        if comma:
            raise UsageError(f"{written!r}: decimals are written with a point, did you mean {comma[1]}.{comma[2]}?")
        raise UsageError(f'{written!r} is not {units.noun}; write for instance "{units.example}"')
    number = Decimal(re.sub("[,_]", "", match["number"]).replace("−", "-"))
    return number, re.sub(" ?/ ?", "/", (match["unit"] or "").strip())


def _unit_problem(written: str, number: Decimal, unit: str, units: _Units) -> str:
    if not unit:
        example = units.example.split(maxsplit=1)[1]
        return f'{written!r} has no unit: write for instance "{number} {example}"'
    alike = [name for name in units.factors if name.casefold() == unit.casefold()]
    alike = alike or [name for name in units.usual if len(unit) == 1 and name.casefold().startswith(unit.casefold())]
    hint = f"did you mean {' or '.join(map(repr, alike[:2]))}?" if alike else suggest(unit, units.usual)
    return f"unknown unit {unit!r} of {units.noun}" + (
        f", {hint}" if hint else f"; known are {', '.join(units.usual)}"
    )


def _compound(written: str) -> float | None:
    """Seconds of "1 h 5 min 3 s", or None when it is not several parts in falling order."""
    parts: list[tuple[Decimal, Decimal]] = []
    position = 0
    while match := _PART.match(written, position):
        factor = _TIME.factors.get(match["unit"])
        if factor is None or (parts and factor >= parts[-1][1]):
            return None
        parts.append((Decimal(match["number"]), factor))
        position = match.end()
    if position != len(written) or len(parts) < 2:
        return None
    return float(sum(number * factor for number, factor in parts))


def _format_compound(value: float) -> str:
    """Minutes and whole seconds, from an hour on hours and whole minutes."""
    seconds = round(abs(value))
    if seconds < 3600:
        (large, small), names = divmod(seconds, 60), ("min", "s")
    else:
        (large, small), names = divmod(round(abs(value) / 60), 60), ("h", "min")
    if large >= 10**6:
        return f"{_plain(value / 3600, 3)} h"
    text = f"{large} {names[0]}" + (f" {small} {names[1]}" if small else "")
    return f"−{text}" if value < 0 else text


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")


def _decimals(value: float, digits: int) -> int:
    """Decimals that show `digits` significant digits of a value other than 0."""
    return max(0, digits - 1 - math.floor(math.log10(abs(_rounded(value, digits)))))


def _plain(value: float, digits: int) -> str:
    """A number with `digits` significant digits, no trailing zeros and its thousands set apart."""
    if not 1e-4 <= abs(value) < 1e15:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        return _minus(f"{_trim(mantissa)}e{int(exponent)}")
    return _minus(_trim(f"{value:,.{_decimals(value, digits)}f}"))


def _percent(percent: float, digits: int) -> str:
    """Like `_plain`, but "79.0" keeps its decimal; 100 stands alone."""
    if percent == 100 or digits != 3 or not 10 <= abs(percent) < 1000:
        return _plain(percent, digits)
    return _minus(f"{percent:.1f}")


def _trim(number: str) -> str:
    return number.rstrip("0").rstrip(".") if "." in number else number


def _minus(number: str) -> str:
    """With a real minus sign, and none before a figure that was rounded to zero."""
    if not number.startswith("-"):
        return number
    return f"−{number[1:]}" if re.search("[1-9]", number) else number[1:]
