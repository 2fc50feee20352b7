"""The kinds of value a profile has, as pydantic types that read people's units.

A text is read as people write it ("20 min"), a number is taken to be in base units: a profile file holds texts
only, the Python interface and stored profiles hold numbers. Refusals say what to write.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from selector.errors import UsageError, suggest
from selector.quantities import Kind, parse_price, parse_quantity, parse_traffic
from selector.requirements import served
from selector.types import Protocol

LONGEST_NAME = 200
"""Characters of the longest name or pattern."""
LONGEST_PLACE = 4_096
"""Characters of the longest path."""
MOST_PATTERNS = 1_000
"""Entries of the longest list of names and patterns."""

T = TypeVar("T")


class RefusedError(UsageError):
    """A value that cannot be taken; becomes a `Problem` once its place in the file is known."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        self.message = message
        self.suggestion = suggestion
        super().__init__(f"{message}, {suggestion}" if suggestion else message)


def before(read: Callable[[Any], Any]) -> BeforeValidator:
    """A pydantic validator of a function that raises `UsageError`."""

    def check(value: Any) -> Any:
        try:
            return read(value)
        except UsageError as error:
            raise pydantic_error(error) from None

    return BeforeValidator(check)


def pydantic_error(error: UsageError) -> PydanticCustomError:
    """The error as pydantic collects it; `selector.requirements.translation` turns it back."""
    refusal = error if isinstance(error, RefusedError) else RefusedError(str(error))
    return PydanticCustomError("refusal", "{message}", {"message": refusal.message, "suggestion": refusal.suggestion})


def near(name: str, known: Iterable[str]) -> str:
    """`suggest`, but not for texts that are too long to be a slip of the pen (they would take seconds)."""
    return suggest(name, known) if len(name) <= LONGEST_NAME // 2 else ""


def quoted(value: object) -> str:
    """A value in quotes for a message, cut where it is long, with control characters made visible."""
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list | tuple) else str(value)
    return repr(text) if len(text) <= 60 else f"{text[:60]!r}…"


def positive(
    kind: Kind, example: str, *, read: Callable[[str], float] | None = None, integer: bool = False
) -> BeforeValidator:
    """A quantity above zero: a text with its unit, or a number in base units.

    Args:
        kind: What it counts.
        example: What messages offer.
        read: Reads a text, where `parse_quantity` does not.
        integer: Whether it is rounded to a whole number.
    """

    def parse(value: Any) -> float:
        if isinstance(value, str):
            number = read(value) if read else parse_quantity(value, kind, example)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            number = to_float(value)
        else:
            raise RefusedError(f"must be a quantity such as {example}")
        number = above_zero(number, value)
        return above_zero(round(number), value) if integer else number

    return before(parse)


def to_float(value: int | float) -> float:
    """A number as float; integers beyond its range are refused, not raised."""
    try:
        return float(value)
    except OverflowError:
        raise RefusedError("is too large a number") from None


def above_zero(number: float, written: object) -> float:
    """The number, unless it is zero, negative, infinite or not a number."""
    if not math.isfinite(number) or number <= 0:
        raise RefusedError(f"must be above zero, not {quoted(written)}")
    return number


def whole(low: int, high: int) -> BeforeValidator:
    """A whole number from `low` to `high`."""

    def parse(value: Any) -> int:
        text = str(value).strip()
        if isinstance(value, bool) or not re.fullmatch("[-+]?[0-9]{1,18}", text, re.ASCII):
            raise RefusedError(f"must be a whole number, not {quoted(value)}")
        if not low <= int(text) <= high:
            raise RefusedError(f"must lie between {low:,} and {high:,}, not be {int(text):,}")
        return int(text)

    return before(parse)


def choice(noun: str, now: Sequence[str], later: Sequence[str] = ()) -> BeforeValidator:
    """One of the words of the format; those not served yet are refused as such."""

    def parse(value: Any) -> str:
        if not isinstance(value, str):
            raise RefusedError(f"must be one word: {', '.join(now)}")
        if value in now:
            return value
        if value in later:
            raise RefusedError(f"{noun} {value!r} is not supported yet; this version serves {listed(now)}")
        hint = near(value, [*now, *later])
        raise RefusedError(
            f"unknown {noun} {quoted(value)}" + ("" if hint else f"; this version serves {listed(now)}"), hint
        )

    return before(parse)


def listed(names: Sequence[str]) -> str:
    """Names as a sentence has them: "a, b and c"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _text(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    name = value.strip()
    if not name:
        raise RefusedError("must not be empty")
    if len(name) > LONGEST_NAME:
        raise RefusedError(f"has {len(name):,} characters; {LONGEST_NAME} are allowed")
    if not name.isprintable():
        raise RefusedError("must be one line of printable characters")
    return name


def _pattern(value: Any) -> Any:
    name = _name(value)
    if isinstance(name, str) and any(character.isspace() for character in name):
        raise RefusedError(f"{quoted(name)} is not a name or pattern: write several as a list, one to an entry")
    return name


def _place(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise RefusedError("must be a folder, e.g. data/photographs")
    if len(value) > LONGEST_PLACE or not value.strip().isprintable():
        raise RefusedError(f"must be one line of at most {LONGEST_PLACE:,} printable characters")
    return value.strip()


def _file(value: Any) -> str:
    try:
        path = _place(value)
    except RefusedError:
        raise RefusedError("must be a file, e.g. runs/swin.safetensors") from None
    if not path.endswith((".safetensors", ".pth", ".pt")):
        raise RefusedError(f"{quoted(path)} must be a file of weights: .safetensors, .pth or .pt")
    return path


def _sha256(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{64}|", value):
        raise RefusedError(f"must be 64 hexadecimal digits, not {quoted(value)}")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{32}|", value):
        raise RefusedError(f"must be 32 hexadecimal digits, not {quoted(value)}")
    return value


def _dataset(value: Any) -> str:
    name = _name(value)
    if name in served.DATASETS:
        return str(name)
    hint = near(name, served.DATASETS) if isinstance(name, str) else ""
    if isinstance(name, str) and (not hint or re.search("[/.]", name) or Path(name).exists()):
        return _place(value)
    raise RefusedError(f"unknown test set {quoted(name)}; figures are published on {listed(served.DATASETS)}", hint)


def _license(value: Any) -> Any:
    name = _name(value)
    if isinstance(name, str) and not re.fullmatch("[a-z0-9][a-z0-9.+-]*", name.lower(), re.ASCII):
        raise RefusedError(f"{quoted(name)} is not a licence's identifier such as apache-2.0")
    return name.lower() if isinstance(name, str) else name


def _pretraining(value: Any) -> Any:
    name = _name(value)
    if isinstance(name, str) and not re.fullmatch("[a-z0-9][a-z0-9_]*", name.lower(), re.ASCII):
        raise RefusedError(f"{quoted(name)} is not a set of images as timm names it, such as in22k or laion2b")
    return name.lower() if isinstance(name, str) else name


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _unique(values: tuple[T, ...]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))


def _bounded(value: Any) -> Any:
    """Each pattern is held against thousands of names."""
    if isinstance(value, list | tuple) and len(value) > MOST_PATTERNS:
        raise RefusedError(
            f"has {len(value):,} entries; {MOST_PATTERNS:,} are allowed: use patterns such as 'swin_*'"
        )
    return _one_or_many(value)


def _image_size(value: Any) -> Any:
    if value == "native":
        return value
    sides = value if isinstance(value, list | tuple) else [value, value]
    texts = [str(side).strip() for side in sides]
    if len(texts) != 2 or not all(re.fullmatch("[0-9]{1,6}", text, re.ASCII) for text in texts):
        raise RefusedError(f"must be native, a number of pixels such as 224, or [height, width], not {quoted(value)}")
    height, width = (int(text) for text in texts)
    if not (1 <= height <= 16_384 and 1 <= width <= 16_384):
        raise RefusedError(f"must lie between 1 and 16,384 pixels a side, not be {height} × {width}")
    return height, width


def _target(value: Any) -> str:
    name = str(value).strip()
    if name in served.TARGETS or re.fullmatch("cuda:[0-9]{1,3}", name, re.ASCII):
        return name
    alike = {"gpu": "cuda", "nvidia": "cuda", "cuda0": "cuda:0"}.get(name.casefold())
    folded = name.casefold() if name.casefold() in served.TARGETS else None
    wanted = alike or folded
    hint = f"did you mean {wanted!r}?" if wanted else near(name, served.TARGETS)
    if hint:
        raise RefusedError(f"unknown device {quoted(name)}", hint)
    raise RefusedError(
        f"device {quoted(name)} is not supported yet: deciding from figures published for a named device; "
        f"this version measures on {listed([*served.TARGETS, 'cuda:N'])}"
    )


def _share(example: str, *, one: bool) -> BeforeValidator:
    """A share above 0 and below 1, or up to 1 where `one` is allowed."""

    def parse(value: Any) -> float:
        number = parse_quantity(value, "fraction", example) if isinstance(value, str) else value
        fits = isinstance(number, int | float) and not isinstance(number, bool) and 0 < number <= 1
        if not fits or (number == 1 and not one):
            end = "at most" if one else "below"
            raise RefusedError(f"must be above 0 and {end} 1, not {quoted(value)}; write for instance {example}")
        return float(number)

    return before(parse)


def _channels(value: Any) -> Any:
    fits = isinstance(value, list | tuple) and len(value) == 3
    try:
        numbers = tuple(float(one) for one in value) if fits else ()
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 3 or not all(math.isfinite(one) for one in numbers):
        raise RefusedError(
            f"must be three numbers, one for each channel, e.g. [0.485, 0.456, 0.406], not {quoted(value)}"
        )
    return numbers


def _points(value: Any) -> float:
    number = parse_quantity(value, "fraction", "0.5 points") if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < 1:
        raise RefusedError(f"must be between 0 and 100 points, not {quoted(value)}; write for instance 0.5 points")
    return float(number)


Text = Annotated[str, before(_text)]
Name = Annotated[str, before(_name)]
Place = Annotated[str, before(_place)]
Channels = Annotated[tuple[float, float, float], before(_channels)]
Share = Annotated[float, _share("0.875", one=True)]
Points = Annotated[float, before(_points)]
Dataset = Annotated[str, before(_dataset)]
TransferProtocol = Annotated[Protocol, choice("protocol", served.PROTOCOLS)]
WeightsFile = Annotated[str, before(_file)]
Sha256 = Annotated[str, before(_sha256)]
Digest = Annotated[str, before(_digest)]
Pattern = Annotated[str, before(_pattern)]
Patterns = Annotated[tuple[Pattern, ...], before(_bounded), AfterValidator(_unique)]
Licenses = Annotated[
    tuple[Annotated[str, before(_license)], ...], BeforeValidator(_one_or_many), AfterValidator(_unique)
]
Pretraining = Annotated[
    tuple[Annotated[str, before(_pretraining)], ...], BeforeValidator(_one_or_many), AfterValidator(_unique)
]
ImageSize = Annotated[Literal["native"] | tuple[int, int], before(_image_size)]
Target = Annotated[str, before(_target)]
Count = Annotated[int, whole(1, 100_000)]
Threads = Annotated[int, whole(1, 4_096)]
Bytes = Annotated[int, positive("memory", "16 GiB", integer=True)]
Weights = Annotated[int, positive("count", "120 M", integer=True)]
Price = Annotated[float, positive("money", "3.06 USD/h", read=parse_price)]
Traffic = Annotated[float, positive("rate", "20 M/month", read=parse_traffic)]
Seconds = Annotated[float, positive("time", "20 min")]
Confidence = Annotated[float, _share("0.99", one=False)]
Tolerance = Annotated[float, _share("2e-2", one=True)]
