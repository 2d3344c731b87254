"""A bound on the work one rendering may do, so that no template hangs or fills the worker.

Whatever repeats or grows (loop bodies, macros, filters, calls, strings) is paid for in units, roughly one a template
node run or 64 characters made; a rendering that has spent its units ends. Paid is before the work is done. For batches
wall-clock time plays no part: the same template and data always end the same way. At the doors there is a time as well,
for whoever else waits there.
"""

from __future__ import annotations

import re
import time
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

_LOOK_EVERY = 500  # units between two looks at the clock
_PER_FIELD = 1024
"""Characters that a field of a format may make without an argument: its width."""

_ESCAPED = 10
"""How many characters one may become (`!r`, `!a`)."""


class _Left:
    """units: that may still be spent. look_at: of them at which the clock is looked at, -1 where no time is set."""

    __slots__ = ("ends_at", "look_at", "units")

    def __init__(self, seconds: float | None) -> None:
        self.units = UNITS
        self.look_at = -1 if seconds is None else UNITS
        self.ends_at = 0.0 if seconds is None else time.monotonic() + seconds


_left: ContextVar[_Left] = ContextVar("what is left")


class TooMuchWork(SecurityError):
    pass


def begin_work(seconds: float | None = None) -> None:
    """Give the rendering (or compilation) that now begins in this context its units. seconds: after which it ends, too."""
    _left.set(_Left(seconds))


def spend(units: int) -> None:
    """Raises TooMuchWork."""
    left = _left.get()
    left.units -= units
    if left.units < left.look_at or left.units < 0:
        _look(left)


def _look(left: _Left) -> None:
    if left.units < 0:
        raise TooMuchWork("the template does too much: loops too often or makes too long a text")
    if time.monotonic() > left.ends_at:
        raise TooMuchWork("the template takes too long")
    left.look_at = left.units - _LOOK_EVERY


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


def measured(function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or test that may look at everything inside its arguments, such as a comparison."""

    @wraps(function)
    def paying(*args: Any, **kwargs: Any) -> Any:
        for value in args:
            spend_on_contents(value)
        return function(*args, **kwargs)

    return paying


def spend_on_order(values: list[Any]) -> None:
    """Pay for putting values in order, or for finding those that are alike: each is compared a few times."""
    before = _left.get().units
    spend_on_contents(values)
    spend((before - _left.get().units) * len(values).bit_length())


def compared(value: Any) -> Any:
    """An operand of a comparison, which may look at everything inside it."""
    if type(value) is not int and type(value) is not bool:
        spend_on_contents(value)
    return value


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
    spend(1 + size_of(left) + size_of(right))
    _check_size(left, right)
    return left + right


def subtract(left: Any, right: Any) -> Any:
    _check_size(left, right)
    return left - right


def divide(left: Any, right: Any) -> Any:
    _check_size(left, right)
    return left / right


def divide_whole(left: Any, right: Any) -> Any:
    _check_size(left, right)
    return left // right


def _check_size(*numbers: Any) -> None:
    spend(1)
    for number in numbers:
        if isinstance(number, int):
            _check_bits(number.bit_length())


def whole(value: Any) -> Any:
    """The result of `int`: what stands in hexadecimal may be a number of any length."""
    if isinstance(value, int):
        _check_bits(value.bit_length())
    return value


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
        given = right if isinstance(right, tuple) else (right,)
        pay_for_format(left, list(right.values()) if isinstance(right, dict) else given)
        return left if right == () else left % right
    _check_size(left, right)
    return left % right


def pay_for_format(pattern: str, values: Iterable[Any]) -> None:
    """Before a text is made of a pattern and values: each field may hold the longest of them, escaped."""
    check_format(pattern)
    plain = plain_values(values)
    longest = max((len(value) if isinstance(value, str) else _PER_FIELD for value in plain), default=0)
    fields = pattern.count("%") + pattern.count("{")
    spend(fields * (1 + (longest * _ESCAPED + _PER_FIELD >> 6)))


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
