"""A batch through real Postfix: what it delivers, fails and delays comes back as events."""

from __future__ import annotations

import asyncio
import re
import smtplib
import time

import pytest
from aiosmtpd.controller import Controller

from infra.local.ports import free_ports
from tests.e2e import checks
from tests.e2e.checks import ok
from tests.relay.postfix import HOST, PASSWORD, USER, wait_for
from tests.running_stack import RunningStack

FINE, FAILED, STUCK, LATE = 50, 6, 2, 2
DOMAIN = "relayed.example"
ADDRESSES = [
    *(f"r{n}@{DOMAIN}" for n in range(FINE)),
    *(f"reply-550-{n}@{DOMAIN}" for n in range(FAILED)),
    *(f"reply-451-{n}@{DOMAIN}" for n in range(STUCK)),
    *(f"greylist-{n}@{DOMAIN}" for n in range(LATE)),
]
REFUSED = [address for address in ADDRESSES if address.startswith("reply-550-")]

WAITING = [address for address in ADDRESSES if address.startswith("reply-451-")]
LATE_FAILURE = f"reply-550-late@{DOMAIN}"
AT_THE_DOOR = {
    f"bounces+b.1.0.aaaaaaaaaaaaaaaa@{HOST}": 250,
    f"reports@{HOST}": 250,
    f"feedback@{HOST}": 250,
    f"anybody@{HOST}": 554,
    f"r0@{DOMAIN}": 554,
}
"""What a stranger is answered."""
COMPLAINT = b"""\
From: fbl@provider.example
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary=b

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: Feedback/1
Version: 1
Original-Mail-From: <%s>

--b
Content-Type: text/rfc822-headers

%s

--b--
"""


ADDRESS_OF = {"dedicated1": "127.0.0.2", "dedicated2": "127.0.0.3"}
"""Transports and the address that each sends from."""


class Sink:
    """Takes everything and notes from which address it came."""

    def __init__(self):
        self.taken = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 -- aiosmtpd calls it so
        self.taken.append((session.peer[0], envelope.rcpt_tos[0], envelope.content))
        return "250 2.0.0 Ok"


@pytest.fixture(scope="module")
def sink():
    [port] = free_ports(1)
    controller = Controller(Sink(), hostname="127.0.0.1", port=port, decode_data=False)
    controller.start()
    yield controller
    controller.stop()


@pytest.fixture(scope="module")
def stack(postfix, sink):
    environment = {"WARMPOST_RELAY_KIT": PASSWORD}
    transports = {name: (one, f"127.0.0.1:{sink.port}") for name, one in ADDRESS_OF.items()}
    with RunningStack("--relay", postfix.relay_url, environment=environment) as running:
        told = (running.info["smtp"], running.url + "/event-webhook", running.info["event_secret"])
        postfix.start(*told, transports)
        yield running


@pytest.fixture(scope="module")
async def client(stack):
    async with stack.open_client() as opened:
        yield opened


@pytest.fixture(scope="module")
async def batch(client):
    """Taken by the relay as a whole: nobody is refused at its door."""
    sender = await checks.make_sender(client, "sender.example")
    await ok(client.post("/manage/templates", json={"name": "n", "subject": "News", "text": "Hi.\n"}))
    recipients = await checks.make_list(client, "n", ("email\n" + "\n".join(ADDRESSES)).encode())
    order = {"name": "n", "from": sender.address, "template": "n", "list": recipients}
    submitted = await ok(client.post("/batch-submit", json=order))
    await checks.watch(client, submitted["id"])
    return submitted["id"]


@pytest.fixture(scope="module")
def follower(postfix, batch):
    """Starts when the first reports are in, and reads the log from its beginning."""
    with postfix.following():
        yield


async def recipients(client, batch):
    page = await checks.read(client, f"/batch-submit/{batch}/recipients", limit="1000")
    return {line["to"]: line for line in page["items"]}


def letter_of(stack, address):
    """What the sink got for an address, once it did."""

    def found():
        return [one for one in checks.inbox(stack) if one.recipient == address]

    wait_for(found, f"mail for {address}")
    return found()[0]


async def reach(client, batch, **counts):
    """Waits until exactly so many recipients have each status."""

    def there(shown):
        return {name: number for name, number in shown["counts"].items() if number} == counts

    await checks.watch(client, batch, until=there)


async def become(client, batch, status, addresses):
    """Waits until all of the addresses have the status; returns what is shown of everybody."""
    deadline = time.monotonic() + checks.PATIENCE
    while True:
        found = await recipients(client, batch)
        if all(found[address]["status"] == status for address in addresses):
            return found
        assert time.monotonic() < deadline, [found[address] for address in addresses]
        await asyncio.sleep(0.1)


async def test_relay_takes_everybody_before_it_knows_better(client, batch):
    found = await recipients(client, batch)
    assert {line["history"][0]["status"] for line in found.values()} == {"sent"}


async def test_reports_of_failure_bounce_the_recipients_they_name_with_the_words_of_their_servers(
    client, batch
):
    found = await become(client, batch, "bounced", REFUSED)
    for address in REFUSED:
        last = found[address]["history"][-1]
        assert (last["status"], last["code"], last["enhanced_code"]) == ("bounced", 550, "5.1.1")
        assert last["text"] == f"<{address}>: Recipient address rejected: User unknown"


async def test_warnings_of_delay_defer(client, batch):
    found = await become(client, batch, "deferred", WAITING)
    for address in WAITING:
        last = found[address]["history"][-1]
        assert (last["status"], last["code"], last["enhanced_code"]) == ("deferred", 451, "4.7.1")
        assert last["text"] == f"<{address}>: Greylisted, please try again later"


async def test_only_addresses_that_do_not_exist_are_suppressed(client, batch):
    await become(client, batch, "bounced", REFUSED)
    await become(client, batch, "deferred", WAITING)
    held = await checks.read(client, "/manage/suppressions")
    assert {(one["address"], one["reason"]) for one in held["items"]} == {
        (address, "hard_bounce") for address in REFUSED
    }


async def test_report_of_success_delivers_where_somebody_asked_for_one(client, batch, stack, postfix):
    address = f"r0@{DOMAIN}"
    path = letter_of(stack, address).return_path
    with postfix.submitting() as server:
        server.sendmail(path, [address], b"Subject: again\r\n\r\n", rcpt_options=["NOTIFY=SUCCESS"])
    await become(client, batch, "delivered", [address])


async def test_reports_wait_in_the_queue_while_the_function_is_down(client, batch, stack, postfix):
    [closed] = free_ports(1)
    tries = re.compile(r"relay=warmpost, .*status=deferred .*event_webhook cannot be reached")
    postfix.tell(f"http://127.0.0.1:{closed}/event-webhook", stack.info["event_secret"])
    try:
        order = {"from": "hello@sender.example", "to": [LATE_FAILURE], "subject": "Hi", "text": "Hi.\n"}
        message = (await ok(client.post("/send", json=order)))["id"]
        wait_for(lambda: tries.search(postfix.read_log()), "a try to report")
        postfix.run("flush")
        wait_for(lambda: len(tries.findall(postfix.read_log())) > 1, "a second try to report")
        assert (await checks.message_once_done(client, message))["recipients"][0]["status"] == "sent"
    finally:
        postfix.tell(stack.url + "/event-webhook", stack.info["event_secret"])
    postfix.run("flush")
    deadline = time.monotonic() + checks.PATIENCE
    while (shown := await checks.read(client, f"/send/{message}"))["recipients"][0]["status"] != "bounced":
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.1)


async def test_log_follower_tells_what_was_delivered(client, batch, follower):
    await reach(client, batch, delivered=FINE + LATE, bounced=FAILED, deferred=STUCK)
    line = (await recipients(client, batch))[f"greylist-0@{DOMAIN}"]
    assert [one["status"] for one in line["history"]] == ["sent", "delivered"]
    assert (line["history"][-1]["code"], line["history"][-1]["enhanced_code"]) == (250, "2.0.0")


async def test_relay_that_gives_up_bounces_with_the_last_words(client, batch, postfix, follower):
    await become(client, batch, "deferred", WAITING)
    postfix.set(maximal_queue_lifetime="1s", bounce_queue_lifetime="1s")
    postfix.run("reload")
    found = await become(client, batch, "bounced", WAITING)
    last = found[WAITING[0]]["history"][-1]
    assert (last["status"], last["code"], last["enhanced_code"]) == ("bounced", 451, "4.7.1")
    held = await checks.read(client, "/manage/suppressions")
    assert not set(WAITING) & {one["address"] for one in held["items"]}


async def test_figures_are_right_in_the_end(client, batch, follower):
    await reach(client, batch, delivered=FINE + LATE, bounced=FAILED + STUCK)
    answer = await checks.read(client, "/manage/statistics", batch=str(batch))
    [row] = answer["items"]
    figures = {name: number for name, number in row.items() if isinstance(number, int) and number}
    assert figures == {
        "requested": len(ADDRESSES),
        "delivered": FINE + LATE,
        "bounced": FAILED + STUCK,
        "bounced_unknown_user": FAILED,
        "bounced_temporary": STUCK,
    }


async def test_complaint_that_arrives_on_port_25_is_one(client, batch, stack, postfix):
    address = f"r1@{DOMAIN}"
    received = letter_of(stack, address)
    head = received.wire.partition(b"\r\n\r\n")[0]
    complaint = COMPLAINT.replace(b"\n", b"\r\n") % (received.return_path.encode(), head)
    with smtplib.SMTP("127.0.0.1", postfix.smtp) as server:
        server.sendmail("fbl@provider.example", f"feedback@{HOST}", complaint)
    await become(client, batch, "complained", [address])
    held = await checks.read(client, "/manage/suppressions")
    assert (address, "complaint") in {(one["address"], one["reason"]) for one in held["items"]}


async def send_by(client, postfix, transport, domain):
    """A message of a domain whose pool names the transport; returns its id and its sender."""
    relay = {
        "host": "127.0.0.1",
        "port": postfix.submission,
        "verify": False,
        "username": USER,
        "password_secret": "WARMPOST_RELAY_KIT",
        "reports": "events",
        "transport": transport,
    }
    await ok(client.post("/manage/pools", json={"name": transport, "relays": [relay]}))
    sender = await checks.make_sender(client, domain)
    await ok(client.patch(f"/manage/domains/{domain}", json={"pool": transport}))
    await ok(client.post("/_local/clock", json={"advance_seconds": 10}))  # behind caches
    order = {"from": sender.address, "to": [f"reader@{domain}"], "subject": "Hi", "text": "Hi.\n"}
    return (await ok(client.post("/send", json=order)))["id"], sender


@pytest.mark.parametrize("transport", ADDRESS_OF)
async def test_a_pools_mail_leaves_by_the_address_of_its_transport_and_nobody_is_told(
    client, stack, postfix, sink, follower, transport
):
    message, sender = await send_by(client, postfix, transport, f"{transport}.example")
    taken = sink.handler.taken
    wait_for(lambda: [one for one in taken if one[1] == f"reader@{transport}.example"], "a message")
    source, to, content = next(one for one in taken if one[1] == f"reader@{transport}.example")
    assert source == ADDRESS_OF[transport]
    assert b"x-warmpost-pool" not in content.lower()
    checks.Received(to, "", content).assert_signed(sender.records)
    deadline = time.monotonic() + checks.PATIENCE
    while (shown := await checks.read(client, f"/send/{message}"))["recipients"][0]["status"] != "delivered":
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.1)


async def test_a_transport_that_the_relay_does_not_have_makes_mail_wait(client, stack, postfix):
    message, _ = await send_by(client, postfix, "typo", "typo.example")
    shown = (await checks.message_once_done(client, message))["recipients"][0]
    assert (shown["status"], shown["history"][-1]["code"]) == ("deferred", 451)
    assert "no transport of that name" in shown["history"][-1]["text"]


def test_strangers_choose_no_address(stack, postfix, sink):
    """Their reports go where reports go, whatever stands in them."""
    before = len(sink.handler.taken)
    path = f"bounces+b.1.0.aaaaaaaaaaaaaaaa@{HOST}"
    with smtplib.SMTP("127.0.0.1", postfix.smtp) as server:
        server.sendmail("", path, b"X-Warmpost-Pool: dedicated1\r\nSubject: x\r\n\r\nx\r\n")
    wait_for(lambda: f"to=<{path}>, relay=warmpost" in postfix.read_log(), "the report")
    assert len(sink.handler.taken) == before


def test_port_25_takes_reports_and_nothing_else(stack, postfix):
    with smtplib.SMTP("127.0.0.1", postfix.smtp) as server:
        server.ehlo("stranger.example")
        server.mail("")
        answers = {address: server.rcpt(address)[0] for address in AT_THE_DOOR}
    assert answers == AT_THE_DOOR


def test_port_587_wants_a_password_and_encryption(stack, postfix):
    with smtplib.SMTP("127.0.0.1", postfix.submission) as server:
        server.ehlo()
        assert "auth" not in server.esmtp_features
        server.starttls()
        server.ehlo()
        assert "auth" in server.esmtp_features
        server.mail("hello@sender.example")
        assert server.rcpt(f"r0@{DOMAIN}")[0] == 554
