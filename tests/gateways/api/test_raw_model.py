"""`raw` beside the fields that may stand there, and no others."""

import base64
import json

import pytest

from warmpost.errors import Invalid
from warmpost.gateways.api.models import SendModel, send_order
from warmpost.gateways.http.bodies import decode

RAW = base64.b64encode(b"From: a@example.com\r\n\r\nHi\r\n").decode()


def order(**fields):
    return send_order(decode(json.dumps({"raw": RAW, "to": ["b@example.net"]} | fields).encode(), SendModel))


def test_raw_is_a_whole_message_with_its_envelope():
    made = order(tags={"a": "b"}, track=True, unsubscribe="de", on_uncertain="hold")
    assert made.raw.startswith(b"From: a@") and made.to == ("b@example.net",) and made.on_uncertain == "hold"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("from", "a@example.com"),
        ("cc", ["c@example.net"]),
        ("bcc", ["c@example.net"]),
        ("reply_to", "c@example.net"),
        ("subject", "x"),
        ("text", "x"),
        ("html", "x"),
        ("template", 1),
        ("data", {"a": 1}),
        ("headers", {"X-A": "b"}),
        ("attachments", [{"filename": "a", "content": ""}]),
    ],
)
def test_content_beside_raw_is_refused(name, value):
    with pytest.raises(Invalid) as problem:
        order(**{name: value})
    assert (problem.value.code, problem.value.field) == ("unexpected_field", name)


@pytest.mark.parametrize(("raw", "code"), [("%%%", "invalid_base64"), ("", "missing_field")])
def test_raw_that_is_no_message_is_refused(raw, code):
    with pytest.raises(Invalid) as problem:
        order(raw=raw)
    assert (problem.value.code, problem.value.field) == (code, "raw")


def test_a_message_without_raw_needs_from():
    with pytest.raises(Invalid) as problem:
        send_order(decode(b'{"to": ["b@example.net"], "subject": "x", "text": "y"}', SendModel))
    assert (problem.value.code, problem.value.field) == ("missing_field", "from")
