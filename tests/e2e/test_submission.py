"""The SMTP gateway of the stack, from an unmodified smtplib to the octets in the inbox."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default

import pytest

from tests.e2e import checks
from tests.e2e.checks import Sender, ok


@pytest.fixture(scope="module")
async def client(stack):
    async with stack.open_client() as client:
        yield client


@pytest.fixture(scope="module")
async def sender(client) -> Sender:
    return await checks.make_sender(client, "submission.example")


def connected(stack, user: str = "", password: str = "") -> smtplib.SMTP:
    gateway = stack.info["smtp_submission"]
    smtp = smtplib.SMTP("localhost", gateway["port"], timeout=30)
    smtp.starttls(context=ssl.create_default_context(cafile=gateway["certificate"]))
    smtp.login(user or gateway["user"], password or gateway["password"])
    return smtp


def mail(sender: str, number: str) -> EmailMessage:
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"] = f"Jörg <{sender}>", "all@submission.test"
    made["Subject"], made["Message-ID"] = "Grüße", f"<{number}@client.example>"
    made["X-Warmpost-Tag"] = "kind=receipt"
    made["Bcc"] = "hidden@submission.test"
    made.set_content("Text\n.\n..\nGrüße\n", cte="8bit")
    made.add_alternative("<p>Grüße <img src='cid:one'></p>", subtype="html")
    made.add_attachment(b"\0\1\2" * 5000, maintype="application", subtype="pdf", filename="Größe.pdf")
    return made


def arrived(stack, number: str) -> list[checks.Received]:
    return [one for one in checks.inbox(stack) if f"<{number}@client.example>".encode() in one.wire]


async def test_a_message_of_smtplib_arrives_part_by_part_and_signed(stack, client, sender):
    sent = mail(sender.address, "whole")

    def hand_over() -> str:
        with connected(stack) as smtp:
            smtp.mail(sender.address)
            smtp.rcpt("ann@submission.test")
            smtp.rcpt("bob@submission.test")
            return smtp.data(sent.as_bytes())[1].decode()

    words = await asyncio.to_thread(hand_over)
    message = await checks.message_once_done(client, words.rpartition(" ")[2])
    assert [one["status"] for one in message["recipients"]] == ["sent", "sent"]
    assert message["tags"] == {"kind": "receipt"}
    found = await ok(client.get("/send", params={"message_id": "<whole@client.example>"}))
    assert [one["id"] for one in found["items"]] == [message["id"]]
    both = arrived(stack, "whole")
    assert {one.recipient for one in both} == {"ann@submission.test", "bob@submission.test"}
    got = message_from_bytes(both[0].wire, policy=default)
    assert "Bcc" not in got and "X-Warmpost-Tag" not in got and "DKIM-Signature" in got
    for theirs, ours in zip(message_from_bytes(sent.as_bytes()).walk(), got.walk(), strict=True):
        assert theirs.get_content_type() == ours.get_content_type()
        if not theirs.is_multipart():
            assert theirs.get_payload(decode=True) == ours.get_payload(decode=True)


async def test_an_smtp_password_sends_from_its_address(stack, client, sender):
    address = f"ann@{sender.address.partition('@')[2]}"
    await ok(client.post("/manage/addresses", json={"address": address}))
    await ok(client.put(f"/manage/addresses/{address}/smtp-password", json={"password": "abcde12345"}))

    def work() -> tuple[int, bytes]:
        with connected(stack, address, "abcde12345") as smtp:
            smtp.send_message(mail(address, "mine"), to_addrs=["ann@submission.test"])
            with pytest.raises(smtplib.SMTPDataError) as refused:
                smtp.send_message(mail(sender.address, "foreign"), to_addrs=["ann@submission.test"])
            return refused.value.args  # type: ignore[return-value]

    code, words = await asyncio.to_thread(work)
    assert code == 550 and words.startswith(b"5.7.1")
