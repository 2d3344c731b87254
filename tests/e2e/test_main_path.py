"""From a bare domain to mails in an inbox, over HTTP alone, and every mail read back."""

from __future__ import annotations

import csv
import io
from email.utils import parsedate_to_datetime

import jinja2
import pytest

from tests.e2e import checks
from tests.e2e.checks import ok

SUBJECT = "{{ name }}, {{ points }} Punkte für Sie · ポイント"
HTML = """<!DOCTYPE html>
<html><head><title>{{ city }}</title></head>
<body><h1>Grüße, {{ name }}!</h1>
{% if points|int > 50 %}<p>You have <b>{{ points }}</b> points = a lot.</p>{% else %}<p>Nearly there.</p>{% endif %}
<p>{{ city|upper }} says: {{ greeting }} &middot; <a href="https://shop.example/?for={{ name|urlencode }}">shop</a></p>
.
..dots at the beginning of lines stay
</body></html>
"""
TEXT = """Grüße, {{ name }}!
{% for n in range(3) %}- {{ city }} {{ n }}
{% endfor %}
.
From the beginning of a line.
{{ greeting }}
"""
NAMES = (
    "Ann",
    "Bjørn Ås",
    "李小龙",
    "Ольга",
    "عائشة",
    "O'Neill & Söhne <b>",
    '"Quoted", Jr.',
    "Zoë 🎉",
    "נועה",
    "นภา",
)
COUNT = 520
GREETING = "Ahoj světe; " + 30 * "a long line that has to be wrapped on its way "


def rows() -> list[dict[str, str]]:
    return [
        {
            "email": f"r{n}@main.example",
            "name": NAMES[n % len(NAMES)],
            "points": str(n % 100),
            "city": "Zürich, Altstadt" if n % 2 else "Łódź",
        }
        for n in range(COUNT)
    ]


def as_csv(wanted: list[dict[str, str]]) -> bytes:
    """As a spreadsheet exports it: with a byte order mark, and a few rows that cannot be used."""
    text = io.StringIO()
    writer = csv.DictWriter(text, ["email", "name", "points", "city"])
    writer.writeheader()
    writer.writerows(wanted)
    text.write("not an address,Nobody,1,Nowhere\r\n")
    text.write("R0@main.example,Twice,1,Nowhere\r\n")
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def plain(source: str, *, html: bool, data: dict[str, str]) -> str:
    """As Jinja2 itself renders it, without anything of ours."""
    environment = jinja2.Environment(autoescape=html, keep_trailing_newline=True)
    return environment.from_string(source).render(**data)


@pytest.fixture(scope="module")
async def sent(stack):
    """The sender, its batch when done, and its messages by recipient."""
    async with stack.open_client() as client:
        sender = await checks.make_sender(client, "main-path.example", ed25519=True)
        await ok(
            client.post(
                "/manage/templates", json={"name": "letter", "subject": SUBJECT, "html": HTML, "text": TEXT}
            )
        )
        made = await ok(client.post("/manage/lists", json={"name": "main readers"}))
        path, kind = f"/manage/lists/{made['id']}/recipients", {"Content-Type": "text/csv; charset=utf-8"}
        imported = await ok(client.post(path, content=as_csv(rows()), headers=kind))
        assert (imported["added"], imported["duplicates"]) == (COUNT, 1)
        assert [(one["line"], one["reason"]) for one in imported["rejected"]] == [
            (COUNT + 2, "the address has no @"),
            (COUNT + 3, "duplicate"),
        ]
        order = {
            "name": "First letter",
            "from": f"Ümläut News <{sender.address}>",
            "template": "letter",
            "list": "main readers",
            "data": {"greeting": GREETING},
            "reply_to": "Réponses <reply@main-path.example>",
            "headers": {"X-Campaign": "Frühling"},
            "track": False,
            "unsubscribe": False,
        }
        submitted = await ok(client.post("/batch-submit", json=order))
        assert (submitted["status"], submitted["recipients"]) == ("sending", COUNT)
        batch = await checks.watch(client, submitted["id"])
        received = checks.inbox(stack, domain="main.example")
        listed = await checks.statuses(client, submitted["id"])
        return sender, batch, {one.recipient: one for one in received}, received, listed


def test_batch_ends_done_with_everybody_sent_once(sent):
    _, batch, by_recipient, received, listed = sent
    assert batch["status"] == "done"
    assert {name: number for name, number in batch["counts"].items() if number} == {"sent": COUNT}
    assert len(received) == COUNT
    assert set(by_recipient) == set(listed) == {row["email"] for row in rows()}
    assert set(listed.values()) == {"sent"}


def test_every_message_reads_as_jinja_alone_renders_it(sent):
    *_, by_recipient, _, _ = sent
    for row in rows():
        data = {**row, "greeting": GREETING}
        del data["email"]
        received = by_recipient[row["email"]]
        message = received.message
        assert message["Subject"] == plain(SUBJECT, html=False, data=data)
        assert received.body("html") == plain(HTML, html=True, data=data)
        assert received.body("plain") == plain(TEXT, html=False, data=data)
        assert message.get_content_type() == "multipart/alternative"


def test_every_message_is_addressed_to_its_recipient_alone(sent):
    sender, _, by_recipient, *_ = sent
    for recipient, received in by_recipient.items():
        message = received.message
        assert [str(one) for one in message["To"].addresses] == [recipient]
        [author] = message["From"].addresses
        assert (author.display_name, author.addr_spec) == ("Ümläut News", sender.address)
        [answers] = message["Reply-To"].addresses
        assert (answers.display_name, answers.addr_spec) == ("Réponses", "reply@main-path.example")
        assert message["X-Campaign"] == "Frühling"
        assert "Cc" not in message and "Bcc" not in message
        assert received.return_path.endswith("@main-path.example")
        assert parsedate_to_datetime(message["Date"]).tzinfo is not None


def test_every_message_has_its_own_message_id_that_follows_from_what_it_is(sent):
    _, batch, by_recipient, received, _ = sent
    assert len({one.message_id for one in received}) == COUNT
    for place, row in enumerate(rows()):
        identifier = by_recipient[row["email"]].message_id
        assert identifier.endswith(f".{batch['id']}.{place}@main-path.example>")


def test_every_signature_holds_for_two_verifiers(sent):
    sender, _, _, received, _ = sent
    for one in received:
        one.assert_signed(sender.records, "rsa-sha256", "ed25519-sha256")


def test_no_line_is_longer_than_mail_allows(sent):
    *_, received, _ = sent
    for one in received:
        lines = one.wire.split(b"\r\n")
        assert max(map(len, lines)) <= 998
        assert not any(b"\n" in line or b"\r" in line for line in lines)


async def test_everything_sent_to_one_address_names_the_batch(stack, sent):
    _, batch, *_ = sent
    async with stack.open_client() as client:
        found = await ok(client.get("/manage/recipients/R7@main.example"))
    [one] = found["items"]
    assert (one["batch"], one["to"], one["status"]) == (batch["id"], "r7@main.example", "sent")
