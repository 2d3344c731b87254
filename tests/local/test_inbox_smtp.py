"""The inbox's SMTP side, over real sockets, down to the octets it stored."""

import asyncio
import mailbox
import signal
import smtplib
import ssl

import aiosmtplib
import pytest
import pytest_asyncio

from infra.local.inbox.maildir import take_apart
from infra.local.ports import free_ports
from tests.local.running_inbox import build_message, running_inbox


@pytest_asyncio.fixture(scope="module")
async def inbox(tmp_path_factory):
    async with running_inbox(tmp_path_factory.mktemp("inbox")) as running:
        yield running


async def _source(inbox, to):
    (line,) = (await inbox.json(f"/api/messages?to={to}"))["messages"]
    return (await inbox.get(f"/api/messages/{line['id']}/source"))[2]


async def test_a_message_is_in_the_maildir_before_it_is_acknowledged(inbox):
    dialogue = await inbox.dialogue()
    reply = await dialogue.deliver("kept@example.com", build_message("kept"))
    assert reply.startswith("250 2.0.0")
    raw = (inbox.maildir / "new" / reply.split()[-1]).read_bytes()
    assert raw == (
        b"Return-Path: <sender@news.example>\r\nDelivered-To: kept@example.com\r\nX-Original-To: kept@example.com\r\n"
        + build_message("kept")
    )


async def test_other_mail_programs_can_open_the_maildir(inbox):
    await (await inbox.dialogue()).deliver("standard@example.com", build_message("standard"))
    box = mailbox.Maildir(inbox.maildir, create=False)
    assert [m["Subject"] for m in box if m["Delivered-To"] == "standard@example.com"] == ["standard"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("plain", build_message("plain")),
        ("8bit", build_message("Ünï", "书单 قائمة\r\n")),
        ("binary", b"Subject: x\r\n\r\n" + bytes(b for b in range(256) if b not in b"\r\n") + b"\r\n"),
        ("bare-line-feeds", b"Subject: x\n\na\n.\nb\n.\r\r\n"),
        ("no-body", b"Subject: x\r\n"),
        ("empty", b""),
        ("long-line", b"Subject: x\r\n\r\n" + b"y" * 998 + b"\r\n"),
        ("large", b"Subject: x\r\n\r\n" + b"0123456789abcde\r\n" * 200_000),
    ],
)
async def test_what_was_stored_is_what_came_over_the_wire(inbox, name, message):
    dialogue = await inbox.dialogue()
    assert (await dialogue.deliver(f"{name}@octets.example", message)).startswith("250")
    assert await _source(inbox, f"{name}@octets.example") == message


async def test_dot_stuffing_is_undone(inbox):
    dialogue = await inbox.dialogue()
    stuffed = b"Subject: dots\r\n\r\n..\r\n...two\r\nend.\r\n..\r\n..\r\n"
    assert (await dialogue.deliver("dots@octets.example", stuffed)).startswith("250")
    assert (
        await _source(inbox, "dots@octets.example")
        == b"Subject: dots\r\n\r\n.\r\n..two\r\nend.\r\n.\r\n.\r\n"
    )


async def test_a_message_that_arrives_octet_by_octet_is_read_whole(inbox):
    dialogue = await inbox.dialogue()
    await dialogue.say("MAIL FROM:<a@news.example>")
    await dialogue.say("RCPT TO:<slowly@octets.example>")
    await dialogue.say("DATA")
    for octet in build_message("slowly", "a.\r\n..b\r\n") + b".\r\n":
        dialogue.send(bytes([octet]))
        await dialogue.writer.drain()
    assert (await dialogue.reply()).startswith("250")
    assert await _source(inbox, "slowly@octets.example") == build_message("slowly", "a.\r\n.b\r\n")


async def test_a_line_that_is_too_long_is_refused_and_the_session_goes_on(inbox):
    dialogue = await inbox.dialogue()
    reply = await dialogue.deliver("long@lines.example", b"Subject: x\r\n\r\n" + b"y" * 999 + b"\r\n")
    assert reply.startswith("500 5.6.0")
    assert (await dialogue.deliver("long@lines.example", build_message("short"))).startswith("250")


async def test_a_message_that_is_too_large_is_refused_and_the_session_goes_on(inbox):
    dialogue = await inbox.dialogue()
    assert (await dialogue.say("MAIL FROM:<a@news.example> SIZE=99999999")).startswith("552")
    reply = await dialogue.deliver(
        "large@refused.example", b"x" * 78 + b"\r\n" + (b"y" * 78 + b"\r\n") * 420_000
    )
    assert reply.startswith("552 5.3.4")
    assert (await dialogue.deliver("large@refused.example", build_message("small"))).startswith("250")


async def test_pipelined_transactions_are_answered_in_order_and_in_one_piece(inbox):
    dialogue = await inbox.dialogue()
    group = "MAIL FROM:<p@news.example>\r\nRCPT TO:<{}@pipe.example>\r\nDATA\r\n"
    dialogue.send(group.format("first").encode())
    assert [(await dialogue.reply())[:3] for _ in range(3)] == ["250", "250", "354"]
    dialogue.send(build_message("first") + b".\r\n" + group.format("second").encode())
    async with asyncio.timeout(10):
        answers = (await dialogue.reader.readuntil(b"354 ")).decode().splitlines()
    assert [answer[:9] for answer in answers] == ["250 2.0.0", "250 OK", "250 2.1.5", "354 "]
    await dialogue.reader.readline()
    dialogue.send(build_message("second") + b".\r\nQUIT\r\n")
    assert [(await dialogue.reply())[:3] for _ in range(2)] == ["250", "221"]
    assert await _source(inbox, "first@pipe.example") == build_message("first")
    assert await _source(inbox, "second@pipe.example") == build_message("second")


async def test_a_pipelined_group_without_a_valid_recipient_gets_no_354(inbox):
    dialogue = await inbox.dialogue()
    dialogue.send(b"MAIL FROM:<p@news.example>\r\nRCPT TO:<reply-550-x@pipe.example>\r\nDATA\r\nRSET\r\n")
    assert [(await dialogue.reply())[:3] for _ in range(4)] == ["250", "550", "503", "250"]


async def test_extensions_are_advertised(inbox):
    dialogue = await inbox.dialogue()
    offers = await dialogue.say("EHLO again.example")
    for offer in ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 33554432", "STARTTLS", "AUTH LOGIN PLAIN"):
        assert offer in offers


async def test_every_recipient_gets_a_copy(inbox):
    dialogue = await inbox.dialogue()
    await dialogue.say("MAIL FROM:<>")
    for name in ("one", "Two+tag", "böb"):
        assert (await dialogue.say(f"RCPT TO:<{name}@copies.example>")).startswith("250")
    await dialogue.say("DATA")
    dialogue.send(build_message("copies") + b".\r\n")
    assert (await dialogue.reply()).startswith("250")
    for name in ("one", "Two%2Btag", "böb"):
        message = await inbox.only(f"{name}@copies.example")
        assert (message["subject"], message["return_path"]) == ("copies", "")


@pytest.mark.parametrize("code", ["451", "550", "552", "554"])
async def test_scripted_refusals_at_rcpt(inbox, code):
    dialogue = await inbox.dialogue()
    reply = await dialogue.deliver(f"reply-{code}-x@script.example", build_message("no"))
    assert reply.startswith(f"{code} {code[0]}.")
    assert (await dialogue.say("NOOP")).startswith("250")
    assert (await inbox.json(f"/api/count?to=reply-{code}-x@script.example"))["count"] == 0


async def test_a_scripted_421_closes_the_connection_and_forgets_what_was_pipelined(inbox):
    dialogue = await inbox.dialogue()
    dialogue.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<reply-421-x@script.example>\r\nDATA\r\nNOOP\r\n")
    assert [(await dialogue.reply())[:3] for _ in range(3)] == ["250", "421", ""]


async def test_scripted_refusals_at_the_end_of_data_keep_nothing(inbox):
    dialogue = await inbox.dialogue()
    assert (await dialogue.deliver("data-451-x@script.example", build_message("no"))).startswith("451 4.3.0")
    assert (await dialogue.deliver("data-554-x@script.example", build_message("no"))).startswith("554 5.7.1")
    assert (await dialogue.deliver("data-421-x@script.example", build_message("no"))).startswith("421 4.3.2")
    assert await dialogue.reply() == ""
    assert (await inbox.json("/api/count?to=data-"))["count"] == 0


async def test_drop_after_data_keeps_the_message_and_never_answers(inbox):
    dialogue = await inbox.dialogue()
    assert await dialogue.deliver("drop-after-data-x@script.example", build_message("kept anyway")) == ""
    assert (await inbox.only("drop-after-data-x@script.example"))["subject"] == "kept anyway"


async def test_drop_in_data_keeps_nothing(inbox):
    dialogue = await inbox.dialogue()
    assert await dialogue.deliver("drop-in-data-x@script.example", build_message("lost")) == ""
    assert (await inbox.json("/api/count?to=drop-in-data-x@script.example"))["count"] == 0


async def test_slow_recipients_hold_up_nobody_else(inbox):
    slow, quick = await inbox.dialogue(), await inbox.dialogue()
    answer = asyncio.create_task(slow.deliver("slow-1.5-x@script.example", build_message("slow")))
    assert (await quick.deliver("quick@script.example", build_message("quick"))).startswith("250")
    assert not answer.done()
    assert (await answer).startswith("250")


async def test_greylisting_refuses_an_address_once(inbox):
    dialogue = await inbox.dialogue()
    assert (await dialogue.deliver("greylist-x@script.example", build_message("grey"))).startswith(
        "451 4.7.1"
    )
    await dialogue.say("RSET")
    assert (await dialogue.deliver("greylist-x@script.example", build_message("grey"))).startswith("250")


async def test_starttls_encrypts_with_a_certificate_clients_can_trust(inbox):
    trust = ssl.create_default_context(cafile=str(inbox.certificate))
    async with aiosmtplib.SMTP(
        hostname="localhost", port=inbox.smtp_port, start_tls=True, tls_context=trust
    ) as client:
        await client.ehlo()
        assert not client.supports_extension("starttls")
        await client.sendmail(
            "a@news.example", "starttls@tls.example", build_message("x", "y" * 70 + "\r\n") * 2000
        )
    assert (await inbox.only("starttls@tls.example"))["size"] > 200_000


async def test_what_was_sent_before_tls_is_forgotten_after_it(inbox):
    dialogue = await inbox.dialogue()
    dialogue.send(b"STARTTLS\r\nRSET\r\nNOOP injected\r\n")
    assert (await dialogue.reply()).startswith("220")
    context = ssl.create_default_context(cafile=str(inbox.certificate))
    await dialogue.writer.start_tls(context, server_hostname="localhost")
    assert (await dialogue.say("MAIL FROM:<a@b.example>")).startswith("503")


async def test_tls_from_the_first_byte(inbox):
    trust = ssl.create_default_context(cafile=str(inbox.certificate))
    async with aiosmtplib.SMTP(
        hostname="localhost", port=inbox.tls_port, use_tls=True, tls_context=trust
    ) as client:
        await client.login("anybody", "anything")
        await client.sendmail("a@news.example", "implicit@tls.example", build_message("implicit"))
    assert (await inbox.only("implicit@tls.example"))["subject"] == "implicit"


async def test_a_failed_handshake_ends_only_that_connection(inbox):
    dialogue = await inbox.dialogue()
    await dialogue.say("STARTTLS")
    dialogue.send(b"this is not a TLS handshake at all\r\n" * 3)
    async with asyncio.timeout(10):
        await dialogue.reader.read()
    assert (await (await inbox.dialogue()).say("NOOP")).startswith("250")


async def test_required_auth_takes_only_the_right_password(tmp_path):
    options = ("--user", "api", "--password", "s3cret", "--require-auth")
    async with running_inbox(tmp_path, *options) as inbox:
        assert (await (await inbox.dialogue()).say("MAIL FROM:<a@b.example>")).startswith("530 5.7.0")
        for mechanism in ("plain", "login"):
            async with aiosmtplib.SMTP(hostname="127.0.0.1", port=inbox.smtp_port, start_tls=False) as client:
                await client.ehlo()
                with pytest.raises(aiosmtplib.SMTPAuthenticationError):
                    await getattr(client, f"auth_{mechanism}")("api", "wrong")
                await getattr(client, f"auth_{mechanism}")("api", "s3cret")
                await client.sendmail("a@news.example", f"{mechanism}@auth.example", build_message("in"))
        assert (await inbox.json("/api/count"))["count"] == 2


async def test_a_stock_client_gets_along(inbox):
    def send():
        with smtplib.SMTP("127.0.0.1", inbox.smtp_port) as client:
            client.sendmail("a@news.example", ["stock@example.com"], build_message("stock"))

    await asyncio.to_thread(send)
    assert (await inbox.only("stock@example.com"))["subject"] == "stock"


async def test_sigkill_loses_nothing_that_was_acknowledged(tmp_path):
    acknowledged = set()

    async def send(process, dialogue, name):
        number = 0
        while reply := await dialogue.deliver(
            f"{name}-{number}@kill.example", build_message("x", "y" * 70 + "\r\n")
        ):
            assert reply.startswith("250")
            acknowledged.add(f"{name}-{number}@kill.example")
            number += 1
            if len(acknowledged) == 100:
                process.kill()

    async with running_inbox(tmp_path) as inbox:
        dialogues = [await inbox.dialogue() for _ in range(4)]
        tasks = [
            asyncio.create_task(send(inbox.process, dialogue, n)) for n, dialogue in enumerate(dialogues)
        ]
        await asyncio.gather(*tasks, return_exceptions=True)
        assert await inbox.process.wait() == -signal.SIGKILL
    kept = {take_apart(file.read_bytes()).delivered_to for file in (inbox.maildir / "new").iterdir()}
    assert acknowledged <= kept and len(acknowledged) >= 100


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_it_at_once_and_frees_its_ports(tmp_path, number):
    async with running_inbox(tmp_path) as inbox:
        dialogue = await inbox.dialogue()
        answer = asyncio.create_task(dialogue.deliver("slow-60-x@example.com", build_message("pending")))
        while not (await inbox.json("/api/count"))["count"]:
            await asyncio.sleep(0)
        inbox.process.send_signal(number)
        async with asyncio.timeout(5):
            assert await inbox.process.wait() == 0
            assert await answer == ""
    assert inbox.smtp_port not in free_ports(1)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", inbox.smtp_port)
