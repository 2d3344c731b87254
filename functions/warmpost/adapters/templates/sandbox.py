"""The template language: Jinja2 in its immutable sandbox, narrowed to what messages need and bounded in what it may do.

Values are what JSON knows. There is no file, import, inheritance or access to Python objects; methods are those listed
here; a dict's own keys come before the methods of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2.runtime import Context, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from warmpost.adapters.templates.css import keep_css
from warmpost.adapters.templates.filters import FILTERS
from warmpost.adapters.templates.reader_filters import READER_FILTERS
from warmpost.adapters.templates.work_limit import (
    TooMuchWork,
    add,
    check_format,
    join_texts,
    modulo,
    multiply,
    plain_value,
    plain_values,
    power,
    size_of,
    spend,
    spend_on_contents,
)

_LONGEST_RANGE = 10_000
_INTERNAL = ("_loop_vars", "_block_vars")  # arguments of Jinja's own

_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(
        (
            *("capitalize", "casefold", "count", "endswith", "find", "format", "index", "isalnum", "isalpha"),
            *(
                "isdigit",
                "islower",
                "isnumeric",
                "isspace",
                "istitle",
                "isupper",
                "lower",
                "lstrip",
                "partition",
            ),
            *("removeprefix", "removesuffix", "replace", "rfind", "rpartition", "rsplit", "rstrip", "split"),
            *("startswith", "strip", "swapcase", "title", "upper"),
        )
    ),
    dict: frozenset({"get", "items", "keys", "values"}),
    list: frozenset({"count", "index"}),
    tuple: frozenset({"count", "index"}),
    int: frozenset(),
    float: frozenset({"is_integer"}),
    range: frozenset(),
    type(None): frozenset(),
}


class Sandbox(ImmutableSandboxedEnvironment):
    """One for each kind of text: autoescape for HTML, none for plain text and subjects."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})
    concat = staticmethod(join_texts)

    def __init__(self, autoescape: bool) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=StrictUndefined,
            finalize=plain_value,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.binop_table.update({"+": add, "*": multiply, "**": power, "%": modulo})
        self.filters = FILTERS | READER_FILTERS
        del self.globals["lipsum"]
        self.globals["range"] = _bounded_range

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        text = super().preprocess(source, name, filename)
        return keep_css(text) if self.autoescape and "{#" in text else text

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        for kind, allowed in _METHODS.items():
            if isinstance(obj, kind):
                return attr in allowed
        return super().is_safe_attribute(obj, attr, value)

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        name, owner = getattr(__obj, "__name__", ""), getattr(__obj, "__self__", None)
        spend(1 + size_of(owner) + sum(map(size_of, args)))
        if name == "replace" and isinstance(owner, str):
            return FILTERS["replace"](__context.eval_ctx, owner, *args)
        if name == "format":
            plain_values([*args, *(kwargs[key] for key in kwargs if key not in _INTERNAL)])
        result = super().call(__context, __obj, *args, **kwargs)
        spend_on_contents(result)
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        if wrapped is not None:
            check_format(value.__self__)
        return wrapped


def _bounded_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > _LONGEST_RANGE:
        raise TooMuchWork(f"range has more than {_LONGEST_RANGE} numbers")
    return numbers
