"""The submission gateway with mail clients that others wrote, unmodified, from what they are given to the inbox."""

from __future__ import annotations

import asyncio
import email
from dataclasses import replace
from email.policy import default
from pathlib import Path

import pytest

from tests.e2e import checks
from tests.e2e.checks import Received, Sender
from tests.e2e.clients.mails import (
    MAILS,
    SIGNED,
    TOO_LARGE,
    TOO_MANY,
    Mail,
    assert_octets_kept,
    leaves_of,
    whole_message,
)
from tests.e2e.clients.programs import PROGRAMS, Access, Program


@pytest.fixture(scope="module")
async def sender(stack) -> Sender:
    async with stack.open_client() as client:
        return await checks.make_sender(client, "clients.example")


@pytest.fixture(params=PROGRAMS, ids=lambda one: one.name)
def program(request) -> Program:
    if request.param.missing:
        pytest.skip(request.param.missing)
    return request.param


@pytest.fixture
def access(stack, tmp_path: Path) -> Access:
    given = stack.info["smtp_submission"]
    return Access(**{**given, "host": "localhost"}, folder=tmp_path)


async def arrivals(stack, domain: str, count: int) -> list[Received]:
    async with asyncio.timeout(checks.PATIENCE):
        while len(found := checks.inbox(stack, domain=domain)) < count:
            await asyncio.sleep(0.02)
    return found


def assert_as_wanted(mail: Mail, sender: Sender, received: Received) -> None:
    """Parsed without the house's strictness: PHPMailer's way of naming files is its own."""
    message = email.message_from_bytes(received.wire, policy=default)
    [author] = message["From"].addresses
    assert (author.display_name, author.addr_spec) == (mail.from_name, sender.address)
    assert message["Subject"] == mail.subject and "Bcc" not in message
    assert {one.addr_spec for one in message["To"].addresses} == set(mail.to)
    assert all(len(message.get_all(name)) == 1 for name in ("Date", "Message-ID", "MIME-Version"))
    assert sorted(leaves_of(message), key=repr) == sorted(mail.leaves, key=repr)
    received.assert_signed(sender.records)


@pytest.mark.parametrize("name", MAILS)
async def test_a_mail_of_a_client_arrives_as_it_was_wanted(stack, sender, access, program, name):
    domain = f"{name}-{program.name}.test"
    mail = MAILS[name].at(domain)
    outcome = await asyncio.to_thread(program.send, access, mail, sender.address)
    assert outcome.accepted, outcome.words
    arrived = await arrivals(stack, domain, len(mail.to) + len(mail.bcc))
    assert sorted(one.recipient for one in arrived) == sorted((*mail.to, *mail.bcc))
    for received in arrived[:3]:
        assert_as_wanted(mail, sender, received)
        if program.whole and name != "long":  # whose lines are longer than SMTP's, so that they are encoded
            assert_octets_kept(whole_message(mail, sender.address), received.wire)


@pytest.mark.parametrize(
    "program", [one for one in PROGRAMS if one.whole], ids=lambda one: one.name, indirect=True
)
async def test_a_message_that_was_signed_before_stays_octet_for_octet(stack, sender, access, program):
    """S/MIME; blanks at the end of a line would be the first to go."""
    domain = f"signed-{program.name}.test"
    mail = Mail(given=SIGNED).at(domain)
    outcome = await asyncio.to_thread(program.send, access, mail, sender.address)
    assert outcome.accepted, outcome.words
    for received in await arrivals(stack, domain, len(mail.to)):
        assert_octets_kept(whole_message(mail, sender.address), received.wire)
        received.assert_signed(sender.records)


async def test_the_51st_recipient_is_put_off_and_the_client_says_so(stack, sender, access, program):
    domain = f"many-{program.name}.test"
    outcome = await asyncio.to_thread(program.send, access, TOO_MANY.at(domain), sender.address)
    assert "4.5.3" in outcome.words or program.is_silent
    arrived = await arrivals(stack, domain, 50 if program.partial else 0)
    assert {one.recipient for one in arrived} == {
        f"r{number}@{domain}" for number in range(50 if program.partial else 0)
    }


REFUSED = {
    "wrong_password": ("5.7.8", Mail()),
    "foreign_from": ("5.7.1", Mail()),
    "too_large": ("5.3.4", TOO_LARGE),
    "no_tls": ("5.7.0", Mail()),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_is_said_to_the_client_and_goes_nowhere(stack, sender, access, program, name):
    code, mail = REFUSED[name]
    domain = f"{name.replace('_', '-')}-{program.name}.test"
    if name == "wrong_password":
        access = replace(access, password="wp_wrong")
    if name == "no_tls":
        access = replace(access, tls=False)
    address = "somebody@elsewhere.example" if name == "foreign_from" else sender.address
    outcome = await asyncio.to_thread(program.send, access, mail.at(domain), address)
    assert not outcome.accepted and code in outcome.words, outcome.words[-2000:]
    assert not checks.inbox(stack, domain=domain)
