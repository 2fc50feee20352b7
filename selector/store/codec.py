"""Frozen dataclasses to JSON documents and back, by their annotations.

Nothing here knows a particular class: a field that a class gains is written from then on, and read from older
documents with its default. Fields that a class has lost are passed over. What comes back equals what went in,
non-finite numbers included (JSON has none, so they are written as the strings "nan", "inf" and "-inf"); bytes
travel as base64.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
import functools
import json
import math
import numbers
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import Any, TypeVar, cast

T = TypeVar("T")


def dumps(document: Any) -> str:
    """JSON text of a document: one form for equal documents, ASCII alone, so that every database takes it."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def loads(text: str) -> Any:
    """The document of a JSON text.

    Raises:
        ValueError: It is not JSON.
    """
    return json.loads(text)


def to_document(value: Any) -> Any:
    """A frozen value as plain JSON data: dataclasses become objects, tuples lists, numpy's numbers plain ones.

    Raises:
        TypeError: A value that has no JSON form.
    """
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_document(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_document(entry) for key, entry in value.items()}
    if isinstance(value, tuple | list):
        return [to_document(entry) for entry in value]
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    raise TypeError(f"{type(value).__name__} has no JSON form")


def from_document(cls: type[T], document: Any) -> T:
    """The instance of the dataclass `cls` that `to_document` made `document` from.

    Args:
        cls: A dataclass whose annotations are built of None, bool, int, float, str, bytes, datetime, enumerations,
            literals, tuples, mappings with string keys, unions with None, and such dataclasses.
        document: Plain JSON data.

    Raises:
        ValueError: The document does not describe a `cls`; the message names the field.
    """
    decode: Callable[[Any], T] = _decoder(cast(Hashable, cls))
    return decode(document)


Decoder = Callable[[Any], Any]


@functools.cache
def _decoder(hint: Any) -> Decoder:
    """The function that reads a value annotated with `hint`."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return _optional(arguments)
    if origin is typing.Literal:
        return _literal(arguments)
    if origin is tuple:
        return _tuple(arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return _mapping(_decoder(arguments[1]))
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return _dataclass(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint
    try:
        return _SCALARS[hint]
    except KeyError:
        raise TypeError(f"the codec does not know how to read {hint!r}") from None


def _exactly(kind: type) -> Decoder:
    def decode(value: Any) -> Any:
        if type(value) is not kind:
            raise ValueError(f"{kind.__name__} expected, found {type(value).__name__}")
        return value

    return decode


def _int(value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    whole: int = _exactly(int)(value)
    return whole


def _float(value: Any) -> float:
    if type(value) is float:  # nearly always, and there are many
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError(f"float expected, found {type(value).__name__}")  # noqa: TRY004 - damage, not misuse
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError(str(error)) from error


def _datetime(value: Any) -> dt.datetime:
    return dt.datetime.fromisoformat(_exactly(str)(value))


def _bytes(value: Any) -> bytes:
    return base64.b64decode(_exactly(str)(value), validate=True)


_SCALARS: dict[Any, Decoder] = {
    bool: _exactly(bool),
    int: _int,
    str: _exactly(str),
    float: _float,
    bytes: _bytes,
    dt.datetime: _datetime,
}


def _optional(arguments: tuple[Any, ...]) -> Decoder:
    kinds = [argument for argument in arguments if argument is not type(None)]
    if len(kinds) != 1 or len(kinds) == len(arguments):
        raise TypeError(f"the codec reads only unions with None, not {arguments!r}")
    decode = _decoder(kinds[0])
    return lambda value: None if value is None else decode(value)


def _literal(choices: tuple[Any, ...]) -> Decoder:
    def decode(value: Any) -> Any:
        if value not in choices:
            raise ValueError(f"{value!r} is none of {', '.join(map(repr, choices))}")
        return value

    return decode


def _tuple(arguments: tuple[Any, ...]) -> Decoder:
    as_list = _exactly(list)
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        each = _decoder(arguments[0])
        return lambda value: tuple(map(each, as_list(value)))
    parts = tuple(map(_decoder, arguments))

    def decode(value: Any) -> tuple[Any, ...]:
        return tuple(part(entry) for part, entry in zip(parts, as_list(value), strict=True))

    return decode


def _mapping(decode_entry: Decoder) -> Decoder:
    as_dict = _exactly(dict)
    return lambda value: {key: decode_entry(entry) for key, entry in as_dict(value).items()}


def _dataclass(cls: type) -> Decoder:
    hints = typing.get_type_hints(cls)
    as_dict = _exactly(dict)
    # (name, how to read it, whether a document may lack it): made once for each class, reading is frequent.
    plan = [(field.name, _decoder(hints[field.name]), _has_default(field)) for field in dataclasses.fields(cls)]

    def decode(value: Any) -> Any:
        document = as_dict(value)
        arguments = {}
        for name, decode_field, optional in plan:
            if name in document:
                try:
                    arguments[name] = decode_field(document[name])
                except ValueError as error:
                    raise ValueError(f"{cls.__name__}.{name}: {error}") from error
            elif not optional:
                raise ValueError(f"{cls.__name__}.{name} is missing")
        return cls(**arguments)

    return decode


def _has_default(field: dataclasses.Field[Any]) -> bool:
    return field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
