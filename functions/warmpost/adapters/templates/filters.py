"""The filters of the template language: Jinja's own, each paying for what it handles, the growing ones held small."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jinja2.exceptions import SecurityError
from jinja2.filters import (
    FILTERS as JINJA,
)
from jinja2.filters import do_format, do_replace, do_striptags, do_tojson, make_attrgetter, sync_do_join
from jinja2.nodes import EvalContext
from jinja2.runtime import Context, markup_join, str_join
from jinja2.utils import pass_context, pass_environment, pass_eval_context

from warmpost.adapters.templates.work_limit import (
    check_format,
    metered,
    narrow,
    plain_value,
    plain_values,
    size_of,
    spend,
    spend_on_contents,
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
    check_format(value)
    plain_values([*args, *kwargs.values()])
    return do_format(value, *args, **kwargs)


def striptags(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_STRIPPED:
        raise SecurityError(f"striptags takes {_LONGEST_STRIPPED} characters at most")
    spend(100 + size_of(value) * 16)  # its time grows with the square
    return do_striptags(plain_value(value))


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


_CHEAP = ("d", "default", "e", "escape", "safe")
_GROWING = ("batch", "center", "indent", "round", "slice", "truncate", "wordwrap")
_ORDINARY = (
    *(
        "abs",
        "capitalize",
        "count",
        "dictsort",
        "filesizeformat",
        "first",
        "float",
        "forceescape",
        "groupby",
        "int",
    ),
    *(
        "items",
        "last",
        "length",
        "list",
        "lower",
        "map",
        "max",
        "min",
        "reject",
        "rejectattr",
        "reverse",
        "select",
    ),
    *("selectattr", "sort", "title", "trim", "unique", "upper", "urlencode", "wordcount"),
)

FILTERS: dict[str, Callable[..., Any]] = {
    **{name: JINJA[name] for name in _CHEAP},
    **{name: narrow(JINJA[name]) for name in _GROWING},
    **{name: metered(JINJA[name]) for name in _ORDINARY},
    "format": format_,
    "join": join,
    "replace": replace,
    "string": string,
    "striptags": striptags,
    "sum": total,
    "tojson": tojson,
    "_concatenated": concatenated,
    "_paid": paid,
    "_spent": spent,
}
