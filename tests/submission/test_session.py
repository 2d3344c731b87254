"""The gateway with smtplib and with raw octets: its order of commands, its bounds, its answers."""

import asyncio
import base64
import smtplib
from email.message import EmailMessage

import pytest

from infra.submission.gateway import Bounds
from infra.submission.replies import Answer, reply
from tests.submission.gateway_server import BOUNDS, PASSWORD, running, trusting

LOGIN = b"EHLO x\r\nAUTH PLAIN " + base64.b64encode(b"\0warmpost\0" + PASSWORD.encode()) + b"\r\n"
MAIL = b"MAIL FROM:<a@example.com>\r\n"
RCPT = b"RCPT TO:<b@example.net>\r\n"
TEXT = "From: a@example.com\r\nMessage-ID: <1@x>\r\n\r\nHi\r\n..dots\r\n.\r\n"


def mail() -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "Jörg <a@example.com>", "b@example.net", "Grüße"
    made.set_content("Text\n.\n..\n")
    return made


def refusal(error: smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return str(error.recipients)
    assert isinstance(error, smtplib.SMTPResponseException)
    code, words = error.smtp_code, error.smtp_error
    return f"{code} {words.decode() if isinstance(words, bytes) else words}"


async def last(*sent: bytes, bounds: Bounds = BOUNDS, tls: bool = True, **fields) -> str:
    async with running(bounds, **fields) as server:
        return (await server.lines(*sent, tls=tls))[-1]


async def test_a_message_of_smtplib_is_handed_over_octet_for_octet():
    async with running() as server:
        refused = await server.smtp(
            lambda one: one.send_message(mail(), to_addrs=["b@example.net", "c@example.net"])
        )
        assert refused == {}
        (credential, recipients, content) = server.function.taken[0]
    assert recipients == ["b@example.net", "c@example.net"] and credential.password == PASSWORD
    assert content.endswith(b"Text\r\n.\r\n..\r\n") and b"Subject: =?utf-8" in content


async def test_many_messages_go_over_one_connection_and_the_credential_is_asked_once():
    async with running() as server:
        for _ in range(2):
            await server.smtp(
                lambda one: [one.sendmail("a@example.com", ["b@example.net"], TEXT) for _ in range(5)]
            )
        assert len(server.function.taken) == 10 and server.function.asked == 1
        assert server.gateway.memory == 0


async def test_implicit_tls_takes_mail_too():
    async with running() as server:

        def run() -> None:
            with smtplib.SMTP_SSL("127.0.0.1", server.tls_port, context=trusting()) as client:
                client.login("warmpost", PASSWORD)
                client.sendmail("a@example.com", ["b@example.net"], TEXT)

        await asyncio.to_thread(run)
        assert server.function.taken[0][2] == TEXT.encode()


async def test_250_names_the_message_and_comes_after_202_only():
    assert await last(LOGIN, MAIL + RCPT + b"DATA\r\n", b"x\r\n.\r\n") == "250 2.0.0 Queued as m1"


ROWS = [
    (401, "wrong_key", "535 5.7.8"),
    (403, "sender_not_allowed", "550 5.7.1"),
    (404, "domain_not_found", "550 5.7.1"),
    (409, "domain_not_verified", "550 5.7.1"),
    (422, "missing_from", "550 5.7.1"),
    (422, "invalid_from", "550 5.7.1"),
    (409, "domain_suspended", "451 4.7.1"),
    (429, "daily_cap_reached", "451 4.7.1"),
    (429, "domain_blocked", "451 4.7.1"),
    (429, "rate_limited", "451 4.7.1"),
    (503, "store_unavailable", "451 4.3.0"),
    (503, "too_much_at_once", "451 4.3.0"),
    (500, "internal", "451 4.3.0"),
    (0, "", "451 4.4.1"),
    (1, "", "451 4.4.1"),
    (413, "message_too_large", "552 5.3.4"),
    (422, "too_many_recipients", "452 4.5.3"),
    (422, "invalid_address", "553 5.1.3"),
    (422, "bare_control", "550 5.6.0"),
    (422, "broken_header", "550 5.6.0"),
    (422, "line_too_long", "554 5.6.1"),
    (422, "mail_loop", "554 5.4.6"),
    (409, "idempotency_key_reused", "554 5.6.0"),
    (422, "invalid_tag", "554 5.6.0"),
]


@pytest.mark.parametrize(("status", "code", "start"), ROWS)
def test_each_answer_of_the_function_has_its_reply(status, code, start):
    said = reply(Answer(status, code=code, message="Words ä\r\n", retry_after=60))
    assert said.startswith(start + " Words") and said.isascii() and "\r" not in said
    assert ("60 s" in said) == start.startswith("4")


async def test_a_refusal_of_the_function_reaches_the_client():
    answer = Answer(409, code="domain_not_verified", message="Verify it first.")
    assert (
        await last(LOGIN, MAIL + RCPT + b"DATA\r\n", b"x\r\n.\r\n", answer=answer)
        == "550 5.7.1 Verify it first."
    )


COMMANDS = [
    (False, (b"EHLO x\r\n", MAIL), "530 5.7.0"),
    (False, (LOGIN,), "530 5.7.0"),
    (True, (b"EHLO x\r\n", MAIL), "530 5.7.0"),
    (True, (LOGIN, b"STARTTLS\r\n"), "503 5.5.1"),
    (True, (LOGIN, b"MAIL FROM:<a@example.com> AUTH=<> SIZE=10 BODY=8BITMIME\r\n"), "250 2.1.0"),
    (True, (LOGIN, b"mail from:<>\r\n"), "250 2.1.0"),
    (True, (LOGIN, b"MAIL FROM:<a@example.com> SIZE=10000001\r\n"), "552 5.3.4"),
    (True, (LOGIN, b"MAIL FROM:<a@example.com> FOO=1\r\n"), "555 5.5.4"),
    (True, (LOGIN, MAIL, RCPT[:-2] + b" NOTIFY=NEVER\r\n"), "555 5.5.4"),
    (True, (LOGIN, MAIL, b"RCPT TO:<no address>\r\n"), "553 5.1.3"),
    (True, (LOGIN, MAIL, b"RCPT TO:<>\r\n"), "553 5.1.3"),
    (True, (LOGIN, MAIL, "RCPT TO:<ä@example.net>\r\n".encode()), "553 5.6.7"),
    (
        True,
        (LOGIN, "MAIL FROM:<ä@example.com> SMTPUTF8\r\nRCPT TO:<ö@example.net>\r\n".encode()),
        "250 2.1.5",
    ),
    (True, (LOGIN, MAIL + RCPT * 51), "452 4.5.3"),
    (True, (LOGIN, RCPT), "503 5.5.1"),
    (True, (LOGIN, MAIL, b"DATA\r\n"), "554 5.5.1"),
    (True, (LOGIN, b"x" * 1100 + b"\r\n"), "500 5.5."),
    (True, (b"x" * 3_000_000,), "500 5.5.2"),
    (True, (LOGIN, b"NOOP\n"), "500 5.5.2"),
    (True, (b"EHLO x\r\nauth plain\r\n", b"*\r\n"), "501 5.7.0"),
    (True, (b"EHLO x\r\nAUTH CRAM-MD5\r\n",), "504 5.5.4"),
    (True, (b"EHLO x\r\nAUTH PLAIN !!!\r\n",), "501 5.5.2"),
    (True, (b"EHLO x\r\nAUTH PLAIN AHgAeQ==\r\n",), "535 5.7.8"),
    (True, (b"EHLO x\r\n" + b"AUTH PLAIN AHgAeQ==\r\n" * 3,), "421 4.7.0"),
    (True, (LOGIN, LOGIN.split(b"\r\n", 1)[1]), "503 5.5.1"),
    (True, (LOGIN, b"QUIT\r\n"), "221 2.0.0"),
]


@pytest.mark.parametrize(("tls", "sent", "start"), COMMANDS)
async def test_each_command_out_of_place_has_its_reply(tls, sent, start):
    assert (await last(*sent, tls=tls)).startswith(start)


@pytest.mark.parametrize(
    "sent",
    [
        b"auth plain " + LOGIN.split()[-1] + b"\r\n",
        b"Auth Plain\r\n" + LOGIN.split()[-1] + b"\r\n",
        b"AUTH LOGIN\r\nd2FybXBvc3Q=\r\n" + base64.b64encode(PASSWORD.encode()) + b"\r\n",
        b"auth login d2FybXBvc3Q=\r\n" + base64.b64encode(PASSWORD.encode()) + b"\r\n",
    ],
)
async def test_both_mechanisms_are_taken_in_both_forms_and_any_case(sent):
    assert (await last(b"EHLO x\r\n", sent)).startswith("235 2.7.0")


async def test_a_function_that_is_away_is_no_wrong_password():
    said = await last(b"EHLO x\r\nAUTH PLAIN AHgAeQ==\r\n", checked=Answer(0))
    assert said.startswith("454 4.7.0")


async def test_wrong_credentials_count_for_their_address():
    async with running(Bounds(wrong=2)) as server:
        wrong = b"EHLO x\r\nAUTH PLAIN AHgAeQ==\r\nAUTH PLAIN AHgAeQ==\r\n"
        assert (await server.lines(wrong))[-1].startswith("535")
        assert (await server.lines(LOGIN))[-1].startswith("421 4.7.0")
        assert not server.gateway.is_guessing("192.0.2.9")


async def test_extensions_are_offered_as_they_hold():
    async with running() as server:
        plain = await server.lines(b"EHLO x\r\n", tls=False)
        encrypted = await server.lines(b"EHLO x\r\n")
    names = {"PIPELINING", "SIZE 10000000", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"}
    assert names <= {line[4:] for line in plain} and names <= {line[4:] for line in encrypted}
    assert any("STARTTLS" in line for line in plain) and not any("AUTH" in line for line in plain)
    assert any("AUTH PLAIN LOGIN" in line for line in encrypted) and not any(
        "STARTTLS" in one for one in encrypted
    )


async def test_commands_slipped_in_before_tls_are_not_heard():
    async with running() as server:
        heard = await server.lines(b"EHLO x\r\nSTARTTLS\r\n" + MAIL + RCPT, tls=False)
        assert heard[-1].startswith("220 2.0.0")


@pytest.mark.parametrize("end", [b"\n.\r\n", b"\r.\r\n", b"\n.\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n"])
async def test_an_ending_that_is_none_smuggles_nothing(end):
    async with running() as server:
        smuggled = b"x" + end + MAIL + RCPT + b"DATA\r\nevil\r\n"
        heard = await server.lines(LOGIN, MAIL + RCPT + b"DATA\r\n", smuggled + b"\r\n.\r\n")
        assert heard[-1].startswith("250") and len(server.function.taken) == 1
        assert b"MAIL FROM" in server.function.taken[0][2]


async def test_a_pipelined_group_is_answered_in_order():
    heard = None
    async with running() as server:
        heard = await server.lines(LOGIN, MAIL + RCPT + RCPT + b"DATA\r\n", b"x\r\n.\r\nNOOP\r\n")
    assert [line[:3] for line in heard[-6:]] == ["250", "250", "250", "354", "250", "250"]


async def test_a_message_that_is_too_large_is_refused_and_not_kept():
    async with running(Bounds(message=100_000)) as server:
        big = b"x" * 70 + b"\r\n"
        heard = await server.lines(LOGIN, MAIL + RCPT + b"DATA\r\n", big * 5000 + b".\r\n", b"NOOP\r\n")
        assert heard[-2].startswith("552 5.3.4") and heard[-1].startswith("250")
        assert not server.function.taken and server.gateway.memory == 0


async def test_messages_beyond_the_memory_are_put_off():
    said = await last(LOGIN, MAIL + RCPT + b"DATA\r\n", b"x" * 70 + b"\r\n.\r\n", bounds=Bounds(memory=50))
    assert said.startswith("452 4.3.1")


async def test_connections_have_a_bound_for_each_address():
    async with running(Bounds(connections_each=1)) as server:
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        while not server.gateway.open:
            await asyncio.sleep(0.01)
        assert (await server.lines(tls=False))[-1].startswith("421 4.7.0")
        writer.close()
        while server.gateway.open:
            await asyncio.sleep(0.01)
        assert (await server.lines(tls=False))[-1].startswith("220")


async def test_time_before_auth_is_bounded_whatever_is_said():
    async with running(Bounds(before_auth=0.2)) as server:
        heard = await server.lines(*[b"NOOP\r\n"] * 5, tls=False)
        assert heard[-1].startswith("421 4.4.2")


async def test_stopping_finishes_what_is_in_data_and_tells_the_others():
    async with running(seconds=0.3) as server:
        idle = asyncio.create_task(server.lines(LOGIN, to_the_end=True))
        done: list[object] = []
        handing = asyncio.create_task(
            server.smtp(lambda one: done.append(one.sendmail("a@example.com", ["b@example.net"], TEXT)))
        )
        while not server.gateway.memory:
            await asyncio.sleep(0.01)
        server.gateway.stop()
        with pytest.raises(smtplib.SMTPResponseException, match="421"):  # to its QUIT
            await handing
        assert done == [{}]
        assert (await idle)[-1].startswith("421 4.3.2")
        await asyncio.wait_for(server.gateway.emptied.wait(), 2)


async def test_a_wrong_password_is_535_for_smtplib():
    async with running() as server:

        def work(client: smtplib.SMTP) -> str:
            with pytest.raises(smtplib.SMTPAuthenticationError) as wrong:
                client.login("warmpost", "other")
            return refusal(wrong.value)

        assert (await server.smtp(work, login=False)).startswith("535 5.7.8")
