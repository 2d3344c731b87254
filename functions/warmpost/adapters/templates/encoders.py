"""From a template's source to the octets of a body or subject, encoded piece by piece while it is rendered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import Environment, Template, nodes
from jinja2.runtime import Context

from warmpost.adapters.templates.link_rewriting import mark_html, mark_text, text_footer
from warmpost.adapters.templates.pieces import PieceSandbox
from warmpost.adapters.templates.reader_filters import READER
from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.source import bound, constants_of
from warmpost.rules.html.text import text_of_html
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.headers import encode_subject
from warmpost.rules.message.mime import Encoding, TextPart
from warmpost.rules.message.quoted_printable import SOFT_BREAK, encode_piece, encode_text_base64
from warmpost.rules.tracking.tracking import Marks

LONGEST_OUTPUT = 3_000_000  # characters, or octets once encoded

Variables = dict[str, Any]
Encoder = Callable[[Variables], bytes]

TEXT, HTML = Sandbox(autoescape=False), Sandbox(autoescape=True)
TEXT_PIECES, HTML_PIECES = PieceSandbox(autoescape=False), PieceSandbox(autoescape=True)
GLOBALS: Variables = dict(TEXT.globals)


def body_encoder(
    field: str, tree_of: Callable[[Sandbox], nodes.Template], marks: Marks
) -> tuple[TextPart, Encoder]:
    sandbox, pieces = (HTML, HTML_PIECES) if field == "html" else (TEXT, TEXT_PIECES)
    mark = mark_html if field == "html" else mark_text
    tree = tree_of(sandbox)
    encoding = shorter_encoding(constants_of(tree))
    part = TextPart("html" if field == "html" else "plain", encoding)
    if encoding == "base64":
        template = template_of(sandbox, mark(tree, marks))
        return part, lambda variables: encode_text_base64(render(template, field, variables))
    return part, _pieces_encoder(template_of(pieces, mark(tree_of(pieces), marks)), field)


def _pieces_encoder(template: Template, field: str) -> Encoder:
    pieces: Callable[[Context], Iterator[bytes]] = template.root_render_func  # type: ignore[assignment]

    def encode(variables: Variables) -> bytes:
        try:
            body = SOFT_BREAK.join(pieces(context_of(template, variables)))
        except Exception as error:
            raise cannot_render(error, template, field) from None
        if len(body) > LONGEST_OUTPUT:
            raise CannotCompose(f"{field}: renders to more than {LONGEST_OUTPUT} bytes")
        return body

    return encode


def always(octets: bytes) -> Encoder:
    return lambda _: octets


def subject_encoder(template: Template) -> Encoder:
    return lambda variables: encode_subject(render(template, "subject", variables))


def derived_encoder(template: Template, marks: Marks) -> Encoder:
    def encode(variables: Variables) -> bytes:
        text = text_of_html(render(template, "html", variables))
        return encode_piece(text + text_footer(marks, variables[READER]) if marks.footer else text)

    return encode


def render(template: Template, field: str, variables: Variables) -> str:
    """Raises CannotCompose for whatever a template can run into: it is the author's, and its errors are too."""
    texts: list[str] = []
    length = 0
    try:
        for text in template.root_render_func(context_of(template, variables)):
            texts.append(text)
            length += len(text)
            if length > LONGEST_OUTPUT:
                raise CannotCompose(f"{field}: renders to more than {LONGEST_OUTPUT} characters")
    except Exception as error:
        raise cannot_render(error, template, field) from None
    return "".join(texts)


def context_of(template: Template, variables: Variables) -> Context:
    """variables: with the globals among them, so that Jinja need not list them again for each message."""
    environment: Environment = template.environment
    return environment.context_class(environment, variables, template.name, template.blocks)


def cannot_render(error: Exception, template: Template, field: str) -> CannotCompose:
    """The error with the line of the template it happened in."""
    if isinstance(error, CannotCompose):
        return error
    line = 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = template.get_corresponding_lineno(trace.tb_lineno)
        trace = trace.tb_next
    if isinstance(error, RecursionError):
        return CannotCompose(f"{field}, line {line}: calls itself too deeply")
    return CannotCompose(f"{field}, line {line}: {error}")


def template_of(sandbox: Sandbox, tree: nodes.Template) -> Template:
    return sandbox.from_string(bound(tree))


def shorter_encoding(text: str) -> Encoding:
    """By what is known before rendering; quoted-printable, which people can read, unless it is clearly longer."""
    try:
        octets = text.encode()
    except UnicodeEncodeError:
        return "quoted-printable"
    escaped = sum(octet > 126 or octet == 61 for octet in octets)
    return "base64" if 2 * escaped > len(octets) * 0.37 else "quoted-printable"
