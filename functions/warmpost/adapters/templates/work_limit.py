"""A bound on the work one rendering may do, so that no template hangs or fills the worker.

Whatever repeats or grows (loop bodies, macros, filters, calls, strings) is paid for in units, roughly one a template
node run or 64 characters made; a rendering that has spent its units ends. Wall-clock time plays no part: the same
template and data always end the same way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import wraps
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.runtime import Undefined

UNITS = 1_000_000
_WIDEST = 1000
_LARGEST_PRODUCT = 10_000_000
_MOST_BITS = 4096
_WIDE_FORMAT = re.compile(r"%(?:\([^)]*\))?[^a-zA-Z%]*(?:[0-9]{4}|\*)|\{[^{}]*:[^{}]*(?:[0-9]{4}|\{)").search
_MEASURED = (str, list, tuple, dict, range, int)

_left: ContextVar[list[int]] = ContextVar("units left")


class TooMuchWork(SecurityError):
    pass


def begin_work() -> None:
    """Give the rendering (or compilation) that now begins in this context its units."""
    _left.set([UNITS])


def spend(units: int) -> None:
    """Raises TooMuchWork."""
    left = _left.get()
    left[0] -= units
    if left[0] < 0:
        raise TooMuchWork("the template does too much: loops too often or makes too long a text")


def size_of(value: object) -> int:
    """Units that handling a value costs."""
    if isinstance(value, str):
        return len(value) >> 6
    if isinstance(value, (list, tuple, dict, range)):
        return len(value)
    return 0


def spend_on_contents(value: object) -> None:
    """Pay for everything inside nested lists and dicts, counting what is shared each time it appears."""
    pending = [value]
    while pending:
        one = pending.pop()
        spend(1 + size_of(one))
        if isinstance(one, dict):
            pending.extend(one.keys())
            pending.extend(one.values())
        elif isinstance(one, (list, tuple)):
            pending.extend(one)


def metered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or function that pays for its arguments and its result."""

    @wraps(function)
    def paying(*args: Any, **kwargs: Any) -> Any:
        for value in args:
            spend(1 + size_of(value))
        result = function(*args, **kwargs)
        spend(size_of(result))
        return result

    return paying


def narrow(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose result grows with its arguments: widths, paddings and replacements stay small."""

    paying = metered(function)

    @wraps(function)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        measured = [*(value for value in args if isinstance(value, _MEASURED)), *kwargs.values()]
        handled, widths = measured[:1], measured[1:]
        longest = sum(len(value) for value in handled if not isinstance(value, int))
        for value in widths:
            width = len(value) if isinstance(value, str) else abs(value) if isinstance(value, int) else 0
            if width > _WIDEST or width * longest > _LARGEST_PRODUCT:
                raise TooMuchWork(f"{function.__name__.removeprefix('do_')} would make too long a text")
        return paying(*args, **kwargs)

    return bounded


def plain_value(value: Any) -> Any:
    """What may be written into a message as it is; None is nothing. Lists and dicts are for loops to take apart."""
    if isinstance(value, (str, int, float)):
        return value
    if value is None:
        return ""
    if isinstance(value, Undefined):
        str(value)  # raises, naming the variable
    raise SecurityError(
        f"a {type(value).__name__} cannot be written out: loop over it, or name one of its values"
    )


def plain_values(values: Iterable[Any]) -> list[Any]:
    """The same for texts that will be put together; pays for all of them first."""
    plain = [plain_value(value) for value in values]
    spend(len(plain) + sum(size_of(value) for value in plain))
    return plain


def join_texts(parts: Iterable[str]) -> str:
    """What macros, `set` blocks and filter blocks put together (`Environment.concat`)."""
    collected = list(parts)
    spend(len(collected) + (sum(map(len, collected)) >> 6))
    return "".join(collected)


def add(left: Any, right: Any) -> Any:
    spend(size_of(left) + size_of(right))
    return left + right


def multiply(left: Any, right: Any) -> Any:
    _check_numbers(left, right)
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() + right.bit_length())
    return left * right


def power(left: Any, right: Any) -> Any:
    _check_numbers(left, right)
    if isinstance(left, int) and isinstance(right, int):
        _check_bits(left.bit_length() * abs(right))
    return left**right


def modulo(left: Any, right: Any) -> Any:
    if isinstance(left, str):
        check_format(left)
        plain_values(right if isinstance(right, tuple) else (right,))
        return left if right == () else left % right
    return left % right


def check_format(pattern: str) -> None:
    """Refuse widths and precisions of four digits and more, or taken from an argument, in `%` and `{}` formats."""
    if len(pattern) > _WIDEST or _WIDE_FORMAT(pattern):
        raise TooMuchWork(f"a format has {_WIDEST} characters, and its widths three digits, at most")
    spend(1 + size_of(pattern))


def _check_numbers(left: Any, right: Any) -> None:
    for value in (left, right):
        if isinstance(value, Undefined):
            str(value)
        if not isinstance(value, (int, float)):
            raise SecurityError(f"a {type(value).__name__} cannot be multiplied")


def _check_bits(bits: int) -> None:
    if bits > _MOST_BITS:
        raise TooMuchWork("the template computes too large a number")
