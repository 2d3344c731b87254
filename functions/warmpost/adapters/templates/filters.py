"""The filters of the template language: Jinja's own, each paying for what it handles, the growing ones held small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any, cast

from jinja2.exceptions import SecurityError
from jinja2.filters import (
    FILTERS as JINJA,
)
from jinja2.filters import do_format, do_replace, do_striptags, do_tojson, make_attrgetter, sync_do_join
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, markup_join, str_join
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import pass_context, pass_environment, pass_eval_context

from warmpost.adapters.templates.work_limit import (
    compared,
    measured,
    metered,
    narrow,
    pay_for_format,
    plain_value,
    plain_values,
    size_of,
    spend,
    spend_on_contents,
    spend_on_order,
    whole,
)

_LONGEST_STRIPPED = 20_000
_DEEPEST_INDENT = 8


@pass_eval_context
def join(eval_ctx: EvalContext, value: Any, d: str = "", attribute: str | int | None = None) -> Any:
    items = list(value)
    if attribute is not None:
        items = [make_attrgetter(eval_ctx.environment, attribute)(item) for item in items]
    spend(len(items) * (1 + size_of(d)))
    return sync_do_join(eval_ctx, plain_values(items), d)


@pass_eval_context
def replace(eval_ctx: EvalContext, s: str, old: str, new: str, count: int | None = None) -> Any:
    return narrow(do_replace)(eval_ctx, plain_value(s), plain_value(old), plain_value(new), count)


def format_(value: str, *args: Any, **kwargs: Any) -> Any:
    pay_for_format(value, [*args, *kwargs.values()])
    return do_format(value, *args, **kwargs)


def striptags(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_STRIPPED:
        raise SecurityError(f"striptags takes {_LONGEST_STRIPPED} characters at most")
    spend(100 + size_of(value) * 16)  # its time grows with the square
    return do_striptags(plain_value(value))


@pass_environment
def wordwrap(environment: Any, s: Any, *args: Any, **kwargs: Any) -> Any:
    """Of a long word the time grows with the square."""
    if len(s) > _LONGEST_STRIPPED:
        raise SecurityError(f"wordwrap takes {_LONGEST_STRIPPED} characters at most")
    spend(100 + size_of(s) * 64)
    return narrow(JINJA["wordwrap"])(environment, s, *args, **kwargs)


@pass_environment
def total(environment: Any, iterable: Any, attribute: str | int | None = None, start: float = 0) -> Any:
    items = list(iterable)
    if attribute is not None:
        items = [make_attrgetter(environment, attribute)(item) for item in items]
    spend(len(items))
    if not all(isinstance(number, (int, float)) for number in [start, *items]):
        raise SecurityError("sum adds numbers only")
    return sum(items, start)


@pass_eval_context
def tojson(eval_ctx: EvalContext, value: Any, indent: int | None = None) -> Any:
    spend_on_contents(value)
    if indent is not None and not 0 <= indent <= _DEEPEST_INDENT:
        raise SecurityError(f"tojson indents by {_DEEPEST_INDENT} at most")
    return do_tojson(eval_ctx, value, indent)


_ATTRIBUTE_AT = {"groupby": 0, "max": 1, "min": 1, "unique": 1, "sort": 2}
"""Which positional argument names the attribute by which a filter compares."""


def ordering(name: str) -> Callable[..., Any]:
    """A filter of Jinja's that compares the items of what it is given, by an attribute where one is named."""
    function = JINJA[name]

    @wraps(function)
    def paying(environment: Any, value: Any, *args: Any, **kwargs: Any) -> Any:
        items = list(value)
        place = _ATTRIBUTE_AT[name]
        attribute = args[place] if len(args) > place else kwargs.get("attribute")
        keys = items
        if attribute is not None:
            reach = [make_attrgetter(environment, one) for one in str(attribute).split(",")]
            keys = [[get(item) for get in reach] for item in items]
        spend_on_order(keys)
        return function(environment, items, *args, **kwargs)

    return pass_environment(paying)


def dictsort(value: Any, *args: Any, **kwargs: Any) -> Any:
    spend_on_order(list(value.items()) if isinstance(value, dict) else [])
    return JINJA["dictsort"](value, *args, **kwargs)


def to_int(value: Any, default: int = 0, base: int = 10) -> Any:
    spend(1 + size_of(value))
    return whole(JINJA["int"](value, default, base))


def string(value: Any) -> Any:
    return JINJA["string"](plain_value(value))


@pass_eval_context
def concatenated(eval_ctx: EvalContext, values: Sequence[Any]) -> str:
    """What the operator `~` becomes."""
    parts = plain_values(values)
    return markup_join(parts) if eval_ctx.autoescape else str_join(parts)


@pass_context
def spent(_: Context, units: int) -> bool:
    """What stands at the head of each loop body and macro; the context keeps it from being folded away."""
    spend(units)
    return True


def paid(value: Any) -> Any:
    """What list, tuple and dict literals and slices go through."""
    spend_on_contents(value)
    return value


_CHEAP = ("d", "default")
_GROWING = ("batch", "center", "indent", "round", "slice", "truncate")
_WHOLLY = ("urlencode",)
_ORDINARY = tuple(
    """
    abs capitalize count e escape filesizeformat first float forceescape items last length list lower map reject
    rejectattr reverse safe select selectattr title trim upper wordcount
    """.split()
)

TESTS: dict[str, Callable[..., Any]] = {
    name: measured(cast(Callable[..., Any], test)) for name, test in JINJA_TESTS.items()
}
"""Several of them compare; the ones that call filters or tests by name pay there."""

FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA[name] for name in _CHEAP},
    **{name: narrow(JINJA[name]) for name in _GROWING},
    **{name: metered(JINJA[name]) for name in _ORDINARY},
    **{name: measured(JINJA[name]) for name in _WHOLLY},
    **{name: ordering(name) for name in _ATTRIBUTE_AT},
    "dictsort": dictsort,
    "int": to_int,
    "format": format_,
    "join": join,
    "replace": replace,
    "string": string,
    "striptags": striptags,
    "sum": total,
    "tojson": tojson,
    "wordwrap": wordwrap,
    "_compared": compared,
    "_concatenated": concatenated,
    "_paid": paid,
    "_spent": spent,
}
