import pytest

from warmpost.rules.reports.auto_replies import why_automatic
from warmpost.rules.reports.lenient_mime import read_mail


def why(*headers: str) -> str:
    return why_automatic(read_mail("\n".join(("From: anna@example.org", *headers)).encode() + b"\n\nHello"))


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-replied (vacation)",
        "Auto-Submitted: auto-notified; owner-email=x",
        "X-Autoreply: yes",
        "X-Autorespond: Hello",
        "X-Vacation: yes",
        "Precedence: auto_reply",
        "Subject: Automatic reply: Your order",
        "Subject: Out of Office: back on Monday",
        "Subject: AutoReply",
        "Subject: Abwesenheitsnotiz: Hallo",
        "Subject: =?utf-8?q?R=C3=A9ponse_automatique?= : x",
        "Subject: 自动回复: x",
        "Subject: 不在辦公室",
        "Subject: Автоответ",
    ],
)
def test_machines_that_answer_for_people_are_known(header):
    assert why(header)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: no",
        "X-Autoreply: no",
        "Precedence: bulk",
        "Subject: Re: your offer",
        "Subject: Too good to be true",
    ],
)
def test_people_are_none(header):
    assert why(header) == ""
