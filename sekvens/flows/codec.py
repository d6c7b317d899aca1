"""JSON for the frozen dataclasses of this package: flow definitions, conditions and state.

Every persisted dataclass carries `kind`, so that a union is told apart without guessing. Fields
that hold their default are left out: a field added later with a default reads old data unchanged.
"""

import dataclasses
import functools
import typing
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from enum import Enum
from types import UnionType
from typing import Any, TypeAlias, TypeVar

JsonObject: TypeAlias = dict[str, Any]

T = TypeVar("T")


class CodecError(ValueError):
    """Stored JSON is not of the shape that this version of Sekvens reads."""


def to_json(value: Any) -> Any:
    """Turn a dataclass of this package, or a value inside one, into plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {
            field.name: to_json(getattr(value, field.name))
            for field in dataclasses.fields(value)
            if field.name == "kind" or getattr(value, field.name) != field.default
        }
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_json(item) for key, item in value.items()}
    return _write_plain(value)


def from_json(kind: type[T], data: Any) -> T:
    """Read back what `to_json` wrote as an instance of `kind`.

    Raises:
        CodecError: a field is missing, unknown or of another shape; the message names it.
    """
    return typing.cast("T", _read(kind, data))


def _write_plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, datetime | time):
        return value.isoformat()
    return value


def _read(hint: Any, data: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin is typing.Union or origin is UnionType:
        return _read_union(typing.get_args(hint), data)
    if origin is tuple:
        return _read_tuple(typing.get_args(hint), data)
    if origin in (dict, Mapping):
        return {key: _read(typing.get_args(hint)[1], item) for key, item in data.items()}
    if dataclasses.is_dataclass(hint):
        return _read_dataclass(hint, data)
    return _read_plain(hint, data)


def _read_plain(hint: Any, data: Any) -> Any:
    if hint is timedelta:
        return timedelta(seconds=data)
    if hint in (datetime, time):
        return hint.fromisoformat(data)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(data)
    if typing.get_origin(hint) is typing.Literal:
        fits = data in typing.get_args(hint)
    elif hint is float:
        fits = isinstance(data, float | int)
    else:
        fits = hint is Any or isinstance(data, hint)
    if not fits:
        raise TypeError
    return data


def _read_tuple(items: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    if not isinstance(data, list | tuple):
        raise TypeError
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_read(items[0], item) for item in data)
    return tuple(_read(hint, item) for hint, item in zip(items, data, strict=True))


def _read_union(options: tuple[Any, ...], data: Any) -> Any:
    if data is None and type(None) in options:
        return None
    if isinstance(data, dict):
        for option in options:
            if dataclasses.is_dataclass(option) and _kind_of(option) == data.get("kind"):
                return _read_dataclass(option, data)
        raise CodecError(f"unknown kind {data.get('kind')!r}: written by a newer version?")
    return _read(next(option for option in options if option is not type(None)), data)


def _read_dataclass(kind: Any, data: Any) -> Any:
    if not isinstance(data, dict):
        raise CodecError(f"{kind.__name__} is stored as something that is no object")
    hints = _hints(kind)
    unknown = sorted(set(data) - set(hints))
    if unknown:
        raise CodecError(f"{kind.__name__} has no field {', '.join(unknown)}: a newer version?")
    values = {name: _read_field(kind, name, item) for name, item in data.items()}
    try:
        return kind(**values)
    except TypeError as error:
        raise CodecError(f"{kind.__name__}: {error}") from error


def _read_field(kind: Any, name: str, data: Any) -> Any:
    try:
        return _read(_hints(kind)[name], data)
    except CodecError:
        raise
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        # The value stays out of the message: it may have come from anywhere.
        raise CodecError(f"{kind.__name__}.{name} is stored in a shape it cannot have") from error


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    # A class's own globals: the workflow sandbox has a `sys.modules` of its own, without ours.
    return typing.get_type_hints(kind, globalns=kind.__init__.__globals__)


def _kind_of(kind: Any) -> str | None:
    default = next(
        (field.default for field in dataclasses.fields(kind) if field.name == "kind"), None
    )
    return default if isinstance(default, str) else None
