# ruff: noqa: N802  (visitors are named after the nodes they visit)
"""Templates compiled straight to quoted-printable: what is constant is encoded once, what differs for each message.

Jinja turns a template into a Python generator of strings. Here the generator's constants are already encoded octets,
and each value written at the top level goes through one function that escapes and encodes it; joined with soft line
breaks the yielded pieces are the encoded body. What macros, `set` and filter blocks collect stays text until written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from markupsafe import escape

from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.work_limit import plain_value, spend
from warmpost.rules.message.quoted_printable import encode_piece, encode_plain

SHORT = 64
"""Characters, or octets once encoded, up to which a value costs a rendering nothing."""

MOST_REMEMBERED = 2048
"""Names, cities, titles and links that many recipients of a list have in common."""


class PieceGenerator(CodeGenerator):
    """Overrides how output is written wherever it is not collected in a buffer, as Jinja's NativeCodeGenerator does."""

    _encodes = False

    def visit_Output(self, node: nodes.Output, frame: Frame) -> None:
        self._encodes = frame.buffer is None
        super().visit_Output(node, frame)

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        text = "".join(group)
        return repr(encode_piece(text) if self._encodes else text)

    def _output_child_pre(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.buffer is None:
            self.write("environment.piece(")
        else:
            super()._output_child_pre(node, frame, finalize)

    def _output_child_post(self, node: nodes.Expr, frame: Frame, finalize: Any) -> None:
        if frame.buffer is None:
            self.write(")")
        else:
            super()._output_child_post(node, frame, finalize)

    def start_write(self, frame: Frame, node: nodes.Node | None = None) -> None:
        super().start_write(frame, node)
        if frame.buffer is None:
            self.write("environment.piece(")

    def end_write(self, frame: Frame) -> None:
        if frame.buffer is None:
            self.write(")")
        super().end_write(frame)


class PieceSandbox(Sandbox):
    code_generator_class = PieceGenerator

    def __init__(self, autoescape: bool) -> None:
        super().__init__(autoescape)
        self.piece: Callable[[Any], bytes] = html_piece if autoescape else text_piece


def text_piece(value: Any) -> bytes:
    """A value as a piece of a plain text body."""
    if type(value) is str:
        return _paid(_short_text(value)) if len(value) <= SHORT else _encode(value)
    return b"%d" % value if type(value) is int else _encode(str(plain_value(value)))


def html_piece(value: Any) -> bytes:
    """A value as a piece of an HTML body, escaped unless it is markup."""
    if type(value) is str:
        return _paid(_short_html(value)) if len(value) <= SHORT else _encode(escape(value))
    return b"%d" % value if type(value) is int else _encode(escape(plain_value(value)))


@lru_cache(MOST_REMEMBERED)
def _short_text(value: str) -> bytes:
    plain = encode_plain(value)
    return encode_piece(value) if plain is None else plain


@lru_cache(MOST_REMEMBERED)
def _short_html(value: str) -> bytes:
    plain = encode_plain(value)  # holds nothing that HTML would escape
    return encode_piece(escape(value)) if plain is None else plain


def _paid(piece: bytes) -> bytes:
    """A short value may become long by what is escaped in it, remembered or not."""
    if len(piece) > SHORT:
        spend(len(piece) >> 4)
    return piece


def _encode(text: str) -> bytes:
    if len(text) > SHORT:
        spend(len(text) >> 4)
    return encode_piece(text)
