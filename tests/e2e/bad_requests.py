"""Requests with something wrong in them, and what is said of each: status, code and field."""

from __future__ import annotations

import base64
from typing import Any

FROM = "hello@bad-input.example"


MESSAGE = {"from": FROM, "to": ["a@nobody.test"], "subject": "s", "text": "t"}


BATCH = {"from": FROM, "template": "fine", "recipients": [{"to": "a@nobody.test", "data": {"name": "A"}}]}


TEMPLATE = {"name": "new", "subject": "s", "html": "<p>t</p>"}


TEN = [{"filename": f"{n}.txt", "content": ""} for n in range(11)]


LINE_BREAKS = ("\r\nBcc: victim@nobody.test", "\nX: y", "\ry", "\x00", "\u2028y", "\x85y")


ENDLESS = "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}"


def send(**changes: Any) -> tuple[str, Any]:
    return "/send", {**MESSAGE, **changes}


def batch(**changes: Any) -> tuple[str, Any]:
    body = {**BATCH, **changes}
    return "/batch-submit", {name: value for name, value in body.items() if value is not None}


def template(**changes: Any) -> tuple[str, Any]:
    return "/manage/templates", {**TEMPLATE, **changes}


def encoded_word(text: str) -> str:
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def attached(**file: str) -> tuple[str, Any]:
    return send(attachments=[{"filename": "a.txt", "content": "YQ==", **file}])


REFUSED = [
    # what is not a field, not the right kind, or missing
    (send(foo=1), 422, "unknown_field", "foo"),
    (
        send(attachments=[{"filename": "a", "content": "", "id": 1}]),
        422,
        "unknown_field",
        "attachments[0].id",
    ),
    (batch(recipients=[{"to": "a@b.test", "name": "x"}]), 422, "unknown_field", "recipients[0].name"),
    (send(to="a@nobody.test"), 422, "invalid_field", "to"),
    (send(to=["a@nobody.test", 7]), 422, "invalid_field", "to[1]"),
    (send(to=[]), 422, "missing_field", "to"),
    (send(subject=None), 422, "missing_field", "subject"),
    (send(text=None), 422, "missing_field", "html"),
    (("/send", {"to": ["a@nobody.test"]}), 422, "missing_field", "from"),
    (("/batch-submit", {"from": FROM, "template": "fine"}), 422, "recipients_or_list", "list"),
    (batch(list="nameless"), 422, "recipients_or_list", "list"),
    (batch(recipients=[]), 422, "missing_field", "recipients"),
    (batch(on_uncertain="maybe"), 422, "invalid_field", "on_uncertain"),
    # senders and recipients
    (send(**{"from": "a@unknown.example"}), 404, "domain_not_found", "from"),
    (send(**{"from": "a@unverified.example"}), 409, "domain_not_verified", "from"),
    (batch(**{"from": "a@unverified.example"}), 409, "domain_not_verified", "from"),
    (send(to=["nobody"]), 422, "invalid_address", "to[0]"),
    (send(cc=["fine@nobody.test", "@"]), 422, "invalid_address", "cc[1]"),
    (send(bcc=["a@b"]), 422, "invalid_address", "bcc[0]"),
    (send(to=["a@nobody.test, b@nobody.test"]), 422, "invalid_address", "to[0]"),
    (send(to=[f"r{n}@nobody.test" for n in range(51)]), 422, "too_many_recipients", "to"),
    (
        send(to=[f"r{n}@nobody.test" for n in range(49)], cc=["c@nobody.test"], bcc=["b@nobody.test"]),
        422,
        "too_many_recipients",
        "to",
    ),
    # what it refers to
    (batch(template="nothing"), 404, "template_not_found", "template"),
    (batch(template=4711), 404, "template_not_found", "template"),
    (send(template="nothing", subject=None, text=None), 404, "template_not_found", "template"),
    (batch(list="nothing", recipients=None), 404, "list_not_found", "list"),
    (batch(list="empty", recipients=None), 409, "list_empty", "list"),
    # variables
    (batch(recipients=[{"to": "a@nobody.test"}]), 422, "missing_variable", "recipients[0].data.name"),
    (batch(list="nameless", recipients=None), 422, "missing_variable", "data.name"),
    (send(template="fine", subject=None, text=None), 422, "missing_variable", "data.name"),
    (send(data={"name": "x"}), 422, "unexpected_field", "data"),
    (
        send(template="fine", subject=None, text=None, data={"name": "x" * 200_000}),
        422,
        "data_too_large",
        "data",
    ),
    # templates
    (template(html="{% for x in %}"), 422, "template_syntax", "html"),
    (template(subject="{{ x"), 422, "template_syntax", "subject"),
    (template(text="{% endfor %}"), 422, "template_syntax", "text"),
    (template(html=None), 422, "missing_field", "html"),
    (template(html="{% include 'other' %}"), 422, "template_syntax", "html"),
    (template(html="{{ ''.__class__.__mro__ }}"), 422, "template_syntax", "html"),
    (template(html="{{ name.__init__.__globals__ }}"), 422, "template_syntax", "html"),
    (template(subject="{{ ''['__class__'] }}"), 422, "template_syntax", "subject"),
    (template(html=ENDLESS), 422, "cannot_render", "html"),
    (template(html="{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"), 422, "cannot_render", "html"),
    (template(name="fine"), 409, "name_taken", "name"),
    (batch(subject="{{ x"), 422, "template_syntax", "subject"),
    # sizes
    (send(text="x" * 11_000_000), 413, "message_too_large", None),
    (send(html="ü" * 4_000_000), 413, "message_too_large", None),
    (attached(content="AAAA" * 2_750_000), 413, "message_too_large", "attachments"),
    (send(subject="x" * 999), 422, "subject_too_long", "subject"),
    (send(subject="ü" * 500), 422, "subject_too_long", "subject"),
    # attachments
    (attached(filename="run.exe"), 422, "attachment_type_refused", "attachments[0].filename"),
    (attached(filename="a.pdf.BAT"), 422, "attachment_type_refused", "attachments[0].filename"),
    (attached(filename="film.mp4"), 422, "attachment_type_refused", "attachments[0].filename"),
    (attached(filename="../a.txt"), 422, "invalid_filename", "attachments[0].filename"),
    (attached(content="YQ="), 422, "invalid_base64", "attachments[0].content"),
    (attached(content="not base64!"), 422, "invalid_base64", "attachments[0].content"),
    (send(attachments=TEN), 422, "too_many_attachments", "attachments"),
    # headers that would break the envelope or the signature
    (send(headers={"Bcc": "victim@nobody.test"}), 422, "header_not_allowed", "headers"),
    (send(headers={"DKIM-Signature": "v=1"}), 422, "header_not_allowed", "headers"),
    (send(headers={"Content-Type": "text/html"}), 422, "header_not_allowed", "headers"),
    (send(headers={"X Y": "z"}), 422, "header_not_allowed", "headers"),
]
