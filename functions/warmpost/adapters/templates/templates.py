"""Content turned into something that renders a recipient's subject and bodies quickly, and checked before it is stored.

Compiling costs milliseconds and is done once for each content a process meets; rendering costs microseconds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from jinja2 import Template, TemplateSyntaxError

from warmpost.adapters.templates.encoders import (
    GLOBALS,
    HTML,
    TEXT,
    Encoder,
    always,
    body_encoder,
    cannot_render,
    context_of,
    derived_encoder,
    render,
    shorter_encoding,
    subject_encoder,
    template_of,
)
from warmpost.adapters.templates.html_text import text_template_of_html
from warmpost.adapters.templates.reader_filters import READER
from warmpost.adapters.templates.sandbox import Sandbox
from warmpost.adapters.templates.source import literal, parse, variables_of
from warmpost.adapters.templates.work_limit import TooMuchWork, begin_work
from warmpost.errors import Invalid
from warmpost.rules.html.text import text_of_html
from warmpost.rules.message.errors import CannotCompose
from warmpost.rules.message.headers import encode_subject, one_line
from warmpost.rules.message.message import Content, Data, TemplateFacts
from warmpost.rules.message.mime import TextPart
from warmpost.rules.message.quoted_printable import encode_piece, encode_text_base64, text_octets
from warmpost.rules.tencent.syntax import as_source, decode_names, encode_data
from warmpost.rules.tracking.tracking import UNMARKED, Marks, Reader

LONGEST_SOURCE = 1_000_000  # characters
DOOR_SECONDS = 3.0
"""For a rendering at a door, where somebody waits; batches have no time, so that a message always ends the same way."""

_COMPILED_KEPT = 128
_STAND_IN = "1"


@dataclass(frozen=True, slots=True)
class CompiledContent:
    """parts: which bodies there are, plain text first. bodies: their encoders, in the same order.

    is_foreign: written in another language, whose names stand encoded in the source.
    """

    parts: tuple[TextPart, ...]
    subject: Encoder
    bodies: tuple[Encoder, ...]
    is_foreign: bool = False

    def render(self, shared: Data, own: Data, reader: Reader | None = None) -> tuple[bytes, list[bytes]]:
        """The subject as a header value, and the encoded bodies. Raises CannotCompose, saying where and why.

        reader: of a message compiled with marks.
        """
        begin_work()
        given = {**shared, **own}
        variables = {**GLOBALS, **(encode_data(given) if self.is_foreign else given), READER: reader}
        subject = self.subject(variables)
        bodies = [body(variables) for body in reversed(self.bodies)]  # a text made from HTML fails after it
        bodies.reverse()
        return subject, bodies


class Templates:
    """Keeps what it compiled for the life of the process, the 128 contents used last."""

    def __init__(self) -> None:
        self._compile = lru_cache(maxsize=_COMPILED_KEPT)(_compile)
        self._inspect = lru_cache(maxsize=_COMPILED_KEPT)(_inspect)

    def inspect(self, content: Content) -> TemplateFacts:
        """Raises Invalid with field `subject`, `html` or `text` and the line in the message: `template_syntax`, or
        `cannot_render` for what fails whatever its variables are.
        """
        self.compile(content)
        if not content.templated:
            return TemplateFacts(frozenset(), frozenset())
        found = self._inspect(_translated(content))
        if content.syntax == "jinja":
            return found
        return TemplateFacts(decode_names(found.required), decode_names(found.optional))

    def compile(self, content: Content, marks: Marks = UNMARKED) -> CompiledContent:
        """Raises Invalid as `inspect` does."""
        if not content.templated:
            return _encode_literal(content, marks)
        compiled = self._compile(_translated(content), marks)
        return replace(compiled, is_foreign=True) if content.syntax != "jinja" else compiled

    def preview(self, content: Content, data: Data) -> Content:
        """What a recipient with these variables would read. Raises Invalid `cannot_render` and as `inspect` does."""
        rendered = {"subject": content.subject, "html": content.html, "text": content.text}
        if content.templated:
            self.compile(content)
            data = data if content.syntax == "jinja" else encode_data(data)
            content = _translated(content)
            begin_work(DOOR_SECONDS)
            for sandbox, field, source in _sources(_with_text(content)):
                try:
                    rendered[field] = render(_template(sandbox, source), field, {**GLOBALS, **data})
                except CannotCompose as error:
                    raise Invalid("cannot_render", error.reason, field) from None
        html, text = rendered["html"], rendered["text"]
        if text is None and html is not None:
            text = text_of_html(html)
        return Content(subject=one_line(rendered["subject"] or ""), html=html, text=text)


@lru_cache(maxsize=_COMPILED_KEPT)
def _template(sandbox: Sandbox, source: str) -> Template:
    return template_of(sandbox, parse(sandbox, source))


def _translated(content: Content) -> Content:
    """In our own language, whatever it was written in."""
    if content.syntax == "jinja":
        return content
    html, text = content.html, content.text
    return Content(
        as_source(content.subject, content.syntax),
        None if html is None else as_source(html, content.syntax),
        None if text is None else as_source(text, content.syntax),
        templated=True,
    )


def _inspect(content: Content) -> TemplateFacts:
    required: set[str] = set()
    mentioned: set[str] = set()
    for sandbox, field, source in _sources(content):
        with _syntax_errors(field):
            needed, spare = variables_of(parse(sandbox, source))
        required |= needed
        mentioned |= needed | spare
    _refuse_hopeless(content, mentioned)
    return TemplateFacts(frozenset(required), frozenset(mentioned - required))


def _refuse_hopeless(content: Content, names: Collection[str]) -> None:
    """Render once with a short text for every variable: what then runs away would do so for each recipient.

    Other errors tell something only where there are no variables: one may have to be more than a text.
    """
    variables = {**GLOBALS, **dict.fromkeys(names, _STAND_IN)}
    for sandbox, field, source in _sources(content):
        begin_work(DOOR_SECONDS)
        template = template_of(sandbox, parse(sandbox, source))
        try:
            for _ in template.root_render_func(context_of(template, variables)):
                pass
        except Exception as error:
            if not names or isinstance(error, (TooMuchWork, RecursionError)):
                reason = cannot_render(error, template, field).reason
                raise Invalid("cannot_render", reason, field) from None


def _sources(content: Content) -> Iterator[tuple[Sandbox, str, str]]:
    yield TEXT, "subject", content.subject
    if content.html is not None:
        yield HTML, "html", content.html
    if content.text is not None:
        yield TEXT, "text", content.text


def _with_text(content: Content) -> Content:
    if content.html is None:
        return replace(content, text=content.text or "")
    if content.text is not None or len(content.html) > LONGEST_SOURCE:
        return content
    return replace(content, text=text_template_of_html(HTML, content.html))


@contextmanager
def _syntax_errors(field: str) -> Iterator[None]:
    """Everything that can be wrong with a source becomes Invalid `template_syntax`."""
    try:
        yield
    except TemplateSyntaxError as error:
        reason = str(error.message)
        if "end of comment" in reason:
            reason = "`{#` begins a comment that no `#}` ends; where it is CSS, write `{ #`"
        raise Invalid("template_syntax", f"line {error.lineno}: {reason}", field) from None
    except CannotCompose as error:
        raise Invalid("template_syntax", error.reason, field) from None
    except (SyntaxError, RecursionError, MemoryError, ValueError):
        raise Invalid("template_syntax", "the template nests too deeply", field) from None


def _compile(content: Content, marks: Marks) -> CompiledContent:
    parts: list[TextPart] = []
    bodies: list[Encoder] = []
    subject: Encoder | None = None
    begin_work()
    with _syntax_errors("html"):
        content = _with_text(content)
    for sandbox, field, source in _sources(content):
        if len(source) > LONGEST_SOURCE:
            raise Invalid("template_too_large", f"a template has {LONGEST_SOURCE} characters at most", field)
        with _syntax_errors(field):
            text_octets(source)
            if field == "subject":
                subject = subject_encoder(template_of(sandbox, parse(sandbox, source)))
            else:
                part, body = body_encoder(field, partial(parse, source=source), marks)
                parts.append(part)
                bodies.append(body)
    if content.text is None and content.html is not None:
        parts.append(TextPart("plain", "quoted-printable"))
        bodies.append(derived_encoder(template_of(HTML, parse(HTML, content.html)), marks))
    assert subject is not None
    return CompiledContent(tuple(reversed(parts)), subject, tuple(reversed(bodies)))


def _encode_literal(content: Content, marks: Marks) -> CompiledContent:
    """Marked as a template without variables; what is longer than any template goes out unmarked."""
    text = content.text
    if text is None:
        text = text_of_html(content.html) if content.html is not None else ""
    parts: list[TextPart] = []
    bodies: list[Encoder] = []
    for field, source in (("text", text), ("html", content.html)):
        if source is not None:
            encoding = shorter_encoding(source)
            try:
                if marks and len(source) <= LONGEST_SOURCE:
                    text_octets(source)
                    part, body = body_encoder(field, partial(literal, source=source), marks)
                    parts.append(part)
                    bodies.append(body)
                    continue
                octets = (
                    encode_piece(source) if encoding == "quoted-printable" else encode_text_base64(source)
                )
            except CannotCompose as error:
                raise Invalid("invalid_content", error.reason, field) from None
            parts.append(TextPart("html" if field == "html" else "plain", encoding))
            bodies.append(always(octets))
    try:
        subject = encode_subject(content.subject)
    except CannotCompose as error:
        raise Invalid("invalid_subject", error.reason, "subject") from None
    return CompiledContent(tuple(parts), always(subject), tuple(bodies))
