"""The template language: Jinja2 in its immutable sandbox, narrowed to what messages need and bounded in what it may do.

Values are what JSON knows. There is no file, import, inheritance or access to Python objects; methods are those listed
here; a dict's own keys come before the methods of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2.runtime import Context, LoopContext, Macro, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Cycler, Joiner, Namespace

from warmpost.adapters.templates.css import keep_css
from warmpost.adapters.templates.filters import FILTERS, TESTS
from warmpost.adapters.templates.reader_filters import READER_FILTERS
from warmpost.adapters.templates.work_limit import (
    TooMuchWork,
    add,
    divide,
    divide_whole,
    join_texts,
    modulo,
    multiply,
    pay_for_format,
    plain_value,
    power,
    size_of,
    spend,
    spend_on_contents,
    subtract,
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
    LoopContext: frozenset(
        "changed cycle depth depth0 first index index0 last length nextitem previtem revindex revindex0".split()
    ),
    Macro: frozenset({"arguments", "caller", "catch_kwargs", "catch_varargs", "name"}),
    Cycler: frozenset({"current", "next", "reset"}),
    Joiner: frozenset(),
}
"""What may be named behind a dot, by the kind of what stands before it; of anything else nothing."""


class Sandbox(ImmutableSandboxedEnvironment):
    """One for each kind of text: autoescape for HTML, none for plain text and subjects."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "**", "%"})
    concat = staticmethod(join_texts)

    def __init__(self, autoescape: bool) -> None:
        super().__init__(
            autoescape=autoescape,
            undefined=StrictUndefined,
            finalize=plain_value,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.binop_table.update(
            {
                "+": add,
                "-": subtract,
                "*": multiply,
                "/": divide,
                "//": divide_whole,
                "**": power,
                "%": modulo,
            }
        )
        self.filters = FILTERS | READER_FILTERS
        self.tests = dict(TESTS)
        del self.globals["lipsum"]
        self.globals |= {"range": _bounded_range, "dict": _new_dict}

    def preprocess(self, source: str, name: str | None = None, filename: str | None = None) -> str:
        text = super().preprocess(source, name, filename)
        return keep_css(text) if self.autoescape and "{#" in text else text

    def getattr(self, obj: Any, attribute: str) -> Any:
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """A namespace answers with what the template put into it, whatever its name."""
        allowed = next((names for kind, names in _METHODS.items() if isinstance(obj, kind)), frozenset())
        return attr in allowed or (isinstance(obj, Namespace) and not attr.startswith("_"))

    def is_safe_callable(self, obj: Any) -> bool:
        """Functions and classes of our own, what the template defines, and methods that may be named."""
        if not callable(obj) or isinstance(obj, Macro | LoopContext | Joiner | _Format):
            return True
        if any(obj is known for known in _FUNCTIONS):
            return True
        owner, name = getattr(obj, "__self__", None), getattr(obj, "__name__", "")
        return any(name in names for kind, names in _METHODS.items() if isinstance(owner, kind))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        name, owner = getattr(__obj, "__name__", ""), getattr(__obj, "__self__", None)
        spend(1 + size_of(owner) + sum(map(size_of, args)))
        if name == "replace" and isinstance(owner, str):
            return FILTERS["replace"](__context.eval_ctx, owner, *args)
        if name == "changed":
            spend_on_contents(args)
        result = super().call(__context, __obj, *args, **kwargs)
        spend_on_contents(result)
        return result

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:
        wrapped = super().wrap_str_format(value)
        return None if wrapped is None else _Format(value.__self__, wrapped)


class _Format:
    """The method `format` of a text, which pays before it fills it in."""

    def __init__(self, pattern: str, fill: Callable[..., str]) -> None:
        self._pattern = pattern
        self._fill = fill

    def __call__(self, *args: Any, **kwargs: Any) -> str:
        pay_for_format(self._pattern, [*args, *kwargs.values()])
        return self._fill(*args, **kwargs)


def _new_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:
    """A function: the class `dict` would hand out its methods, which change what others share."""
    made = dict(*args, **{name: value for name, value in kwargs.items() if name not in _INTERNAL})
    spend_on_contents(made)
    return made


def _bounded_range(*args: int) -> range:
    numbers = range(*args)
    if len(numbers) > _LONGEST_RANGE:
        raise TooMuchWork(f"range has more than {_LONGEST_RANGE} numbers")
    return numbers


_FUNCTIONS = (_bounded_range, _new_dict, Cycler, Joiner, Namespace)
