"""Values read back from JSON that may be damaged, or made to do harm."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any


def from_plain(kind: Any, plain: Any) -> Any:
    """A value of a type from its plain form: dataclasses from objects, tuples from lists.

    Args:
        kind: A dataclass; float, int, str, bool, None; a list, tuple, dict or union of such.
        plain: What `json.loads` gave.

    Raises:
        ValueError: If it does not fit, or a number is not finite.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if is_dataclass(kind) and isinstance(plain, Mapping):
        return _dataclass(kind, plain)
    if origin in (typing.Union, types.UnionType):
        for one in arguments:
            try:
                return from_plain(one, plain)
            except ValueError:
                continue
    elif origin in (dict, Mapping) and isinstance(plain, dict):
        return {str(key): from_plain(arguments[1], value) for key, value in plain.items()}
    elif origin is list and isinstance(plain, list):
        return [from_plain(arguments[0], value) for value in plain]
    elif origin is tuple and isinstance(plain, list):
        kinds = arguments[:1] * len(plain) if arguments[-1] is Ellipsis else arguments
        if len(kinds) == len(plain):
            return tuple(from_plain(k, v) for k, v in zip(kinds, plain, strict=True))
    elif kind is types.NoneType and plain is None:
        return None
    elif _is_scalar(kind, plain):
        return plain
    raise ValueError(f"{str(plain)[:40]!r} is no {getattr(kind, '__name__', kind)}")


def _is_scalar(kind: Any, plain: Any) -> bool:
    if kind is float:
        return type(plain) in (int, float) and math.isfinite(plain)
    return kind in (int, str, bool) and type(plain) is kind


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _dataclass(kind: Any, plain: Mapping[str, Any]) -> Any:
    hints = _hints(kind)
    optional = {f.name for f in fields(kind)
                if f.default is not MISSING or f.default_factory is not MISSING}  # fmt: skip
    if set(plain) - set(hints) or set(hints) - set(plain) - optional:
        raise ValueError(f"has not the entries of {kind.__name__}")
    try:
        return kind(**{name: from_plain(hints[name], value) for name, value in plain.items()})
    except (TypeError, OverflowError) as error:
        raise ValueError(f"is no {kind.__name__} ({error})") from error
