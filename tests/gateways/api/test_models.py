import json

import pytest

from warmpost.errors import Invalid
from warmpost.gateways.api.models import SendModel, send_order
from warmpost.gateways.http.bodies import decode


def order(**changes):
    body = {"from": "a@b.example", "subject": "s", "text": "t", **changes}
    return send_order(decode(json.dumps(body).encode(), SendModel))


@pytest.mark.parametrize("content_id", ["logo", "<logo>", " logo "])
def test_a_content_id_is_taken_with_or_without_its_brackets(content_id):
    file = {"filename": "logo.png", "content": "", "content_id": content_id}
    assert order(to=["c@d.example"], attachments=[file]).attachments[0].content_id == "logo"


def test_a_message_may_have_hidden_recipients_alone():
    assert order(bcc=["c@d.example"]).bcc == ("c@d.example",)


def test_content_that_is_no_base64_is_named():
    with pytest.raises(Invalid) as refused:
        order(attachments=[{"filename": "a", "content": "é"}])
    assert refused.value.field == "attachments[0].content"
