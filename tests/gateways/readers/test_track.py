"""Messages as they are handed to a relay, and what the links in them do, on a real database."""

import re
from dataclasses import replace

import dkim
import pytest

from tests.actions.harness import DOMAIN, SENDER, domain_key, template
from tests.gateways.mail_reader import BASE, CONFIRM, HTML, KEY, LINKS, ONE_CLICK, PHONE
from warmpost.errors import Unavailable
from warmpost.gateways.readers.track import PIXEL
from warmpost.gateways.readers.words import WORDS
from warmpost.rules.delivery.chunks import pack_all
from warmpost.rules.message.dkim import record_name, record_value
from warmpost.rules.message.message import Recipient
from warmpost.rules.model.events import Target
from warmpost.rules.model.writes import Delete, Put
from warmpost.rules.tracking.tracking import Track


async def test_a_batch_is_tracked_and_can_be_left_without_asking_for_it(site):
    [letter] = await site.batch("ann@example.net")
    click, picture = letter.links
    assert click.startswith(f"{BASE}/c/") and picture.startswith(f"{BASE}/o/")
    assert letter.message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert re.fullmatch(
        rf"<{BASE}/u/[\w-]+>, <mailto:unsubscribe\+[\w-]+@{DOMAIN}\?subject=unsubscribe>",
        letter.message["List-Unsubscribe"],
    )
    assert "/u/" not in letter.html and "ann@" not in letter.html


async def test_a_single_message_is_neither_unless_asked_for(site):
    [plain] = await site.single("ann@example.net")
    assert (
        plain.links == ["https://a.example/?a=1&n={{ name }}#x"] and plain.message["List-Unsubscribe"] is None
    )
    [asked] = await site.single("ann@example.net", track=True, unsubscribe=True)
    assert [link.split("/")[4] for link in asked.links] == ["c", "u", "o"]
    assert asked.message["List-Unsubscribe"] and f"{BASE}/u/" in asked.text


@pytest.mark.parametrize(
    ("wanted", "of_template", "kinds"),
    [
        ({"track": False}, None, []),
        ({"track": {"opens": False}}, None, ["c"]),
        ({"track": {"clicks": False}}, None, ["o"]),
        ({}, Track(opens=True), ["o"]),
        ({"track": True}, Track(), ["c", "o"]),
    ],
)
async def test_what_is_tracked_is_said_by_the_call_else_by_the_template(site, wanted, of_template, kinds):
    await site.store.commit(Put("templates/1", replace(template("s", HTML), track=of_template)))
    [letter] = await site.batch("ann@example.net", **wanted)
    assert [link.split("/")[4] for link in letter.links if link.startswith(BASE)] == kinds


@pytest.mark.parametrize(
    ("wanted", "headers", "words", "language"),
    [
        (False, False, None, ""),
        (True, True, "Unsubscribe from", ""),
        ("de", True, "abbestellen", "?lang=de"),
        ("zh-hant", True, "取消訂閱", "?lang=zh-TW"),
        ({"footer": False}, True, None, ""),
        ({"footer": "fr"}, True, "désabonner", "?lang=fr"),
    ],
)
async def test_how_to_unsubscribe_is_said_by_the_call(site, wanted, headers, words, language):
    [letter] = await site.batch("ann@example.net", unsubscribe=wanted)
    assert (letter.message["List-Unsubscribe"] is not None) == headers
    footers = [link for link in letter.links if "/u/" in link]
    assert len(footers) == (words is not None)
    if words:
        assert words in letter.html and words in letter.text
        assert footers[0].endswith(language or footers[0][-1])
        assert footers[0] in letter.text


async def test_an_unknown_language_is_refused(site):
    headers = {"Authorization": f"Bearer {KEY}"}
    body = {"from": SENDER, "to": ["a@example.net"], "subject": "s", "text": "t", "unsubscribe": "tlh"}
    answered = await site.http.post("/send", json=body, headers=headers)
    assert answered.status_code == 422 and answered.json()["error"]["field"] == "unsubscribe"


async def test_the_signature_covers_the_unsubscribe_fields(site):
    [letter] = await site.batch("ann@example.net", unsubscribe="de")
    key = domain_key()
    records = {record_name(key.selector, DOMAIN): record_value(key.algorithm, key.public)}
    signed = (
        re.findall(rb"h=([^;]*);", letter.octets)[0]
        .lower()
        .replace(b" ", b"")
        .replace(b"\r\n", b"")
        .split(b":")
    )
    assert {b"list-unsubscribe", b"list-unsubscribe-post"} <= set(signed)

    def txt(name, **_):
        return records[name.decode().rstrip(".")].encode()

    assert dkim.verify(letter.octets, dnsfunc=txt)
    for before, after in ((b"List-Unsubscribe=One", b"List-Unsubscribe=Two"), (b"?subject=u", b"?subject=U")):
        assert before in letter.octets
        assert not dkim.verify(letter.octets.replace(before, after), dnsfunc=txt)


async def test_a_click_leads_where_the_message_said_and_is_noted(site):
    letters = await site.batch("ann@example.net", "bob@example.net")
    for number, letter in enumerate(letters):
        site.harness.clock.advance(60)
        answered = await site.http.get(letter.links[0])
        assert answered.status_code == 302
        assert answered.headers["location"] == f"https://a.example/?a=1&n=%C3%9Cnn%20{number}#x"
        assert "no-store" in answered.headers["cache-control"]
    first, second = await site.events()
    assert (first.kind, first.target.batch, first.target.position) == ("clicked", "1", 0)
    assert (first.link, first.machine, first.source) == ("https://a.example/?a=1&n=Ünn 0#x", False, "track")
    assert first.user_agent == PHONE["User-Agent"] and second.target.position == 1 and first.id != second.id


async def test_an_opening_is_answered_with_a_picture_and_noted(site):
    [letter] = await site.single("ann@example.net", track=True)
    for agent, machine in ((PHONE["User-Agent"], False), ("Mozilla/5.0", True)):
        site.harness.clock.advance(60)
        answered = await site.http.get(letter.links[-1], headers={"User-Agent": agent})
        assert (answered.status_code, answered.headers["content-type"]) == (200, "image/gif")
        assert (
            len(PIXEL) == 43 and answered.content == PIXEL and "no-store" in answered.headers["cache-control"]
        )
        event = (await site.events())[-1]
        assert (event.kind, event.machine, event.target.message != "") == ("opened", machine, True)


async def test_who_only_asks_for_the_head_is_a_machine(site):
    [letter] = await site.batch("ann@example.net")
    site.harness.clock.advance(60)
    answered = await site.http.head(letter.links[0])
    assert answered.status_code == 302 and answered.headers["location"]
    assert [event.machine for event in await site.events()] == [True]


async def test_links_work_when_the_message_is_forgotten_and_when_the_store_is_down(site, monkeypatch, caplog):
    [letter] = await site.batch("ann@example.net")
    await site.store.commit(Delete("batches/1"), Delete("batches/1/chunks/000000"))
    assert (await site.http.get(letter.links[0])).status_code == 302

    async def down(*_):
        raise Unavailable("store_unavailable", "The store does not answer.")

    monkeypatch.setattr("warmpost.actions.events.reader_actions.log_events", down)
    monkeypatch.setattr("warmpost.actions.events.reader_actions.PAUSES", ())
    assert (await site.http.get(letter.links[0])).status_code == 302
    assert (await site.http.get(letter.links[1])).status_code == 200
    assert sum("may be lost" in record.message for record in caplog.records) == 2
    assert (await site.http.get(letter.unsubscribe)).status_code == 200
    gone = await site.http.post(letter.unsubscribe, data=CONFIRM)
    assert gone.status_code == 404 and WORDS["en"].invalid[0] in gone.text


async def test_a_changed_link_leads_nowhere(site):
    [letter] = await site.batch("ann@example.net", unsubscribe=True)
    click, footer, picture = letter.links
    for link in (click, footer, picture, letter.unsubscribe):
        path = link.removeprefix(BASE).partition("?")[0]
        for at in range(3, len(path) - (4 if path.endswith(".gif") else 0)):
            changed = path[:at] + ("A" if path[at] != "A" else "B") + path[at + 1 :]
            assert (await site.http.get(f"{BASE}{changed}")).status_code == 404, changed
    assert await site.events() == []


@pytest.mark.parametrize(
    "path",
    [
        "/c/https://evil.example",
        "/c/?url=https://evil.example",
        "/c/x.aHR0cHM6Ly9ldmlsLmV4YW1wbGU",
        "/c/..%2f..%2fevil",
        "/c/%0d%0aLocation:%20https://evil.example",
        "/c/",
        "/o/x.gif",
        "/u/x",
        "/o/",
        "/",
        "//evil.example",
    ],
)
async def test_nobody_makes_a_link_of_their_own(site, path):
    answered = await site.http.get(f"{BASE}{path}")
    assert answered.status_code == 404 and "location" not in answered.headers


async def test_another_destination_under_a_right_name_leads_nowhere(site):
    letters = await site.batch("ann@example.net", "bob@example.net")
    one, other = (letter.links[0].split(".") for letter in letters)
    mixed = ".".join([*one[:-1], other[-1]])
    assert (await site.http.get(mixed)).status_code == 404


async def test_a_reader_of_a_later_chunk_is_found_by_its_position(site):
    people = [Recipient(f"r{n}@example.net", {"name": "x"}) for n in range(3)]
    await site.batch("ann@example.net")
    chunks = [chunk for n, one in enumerate(people) for chunk in pack_all([one], n)]
    await site.store.commit(*(Put(f"batches/1/chunks/{n:06d}", chunk) for n, chunk in enumerate(chunks)))
    reader = LINKS.reader(Target("1", position=2), 1_790_000_000)
    await site.http.post(f"{BASE}/u/{reader.unsubscribe()}", data=ONE_CLICK)
    assert await site.suppressed("r1@example.net", "r2@example.net") == {"r2@example.net": "unsubscribe"}
    missing = LINKS.reader(Target("1", position=9), 1_790_000_000)
    assert (await site.http.post(f"{BASE}/u/{missing.unsubscribe()}", data=ONE_CLICK)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        b"List-Unsubscribe=One-Click\r\n",
        b"List-Unsubscribe=One-Click\n",
        b"list-unsubscribe=one-click",
        b" List-Unsubscribe=One-Click ",
    ],
)
async def test_one_click_counts_as_its_client_writes_it(site, body):
    [reader] = await site.batch("ann@example.net")
    link = re.findall("<(https?://[^>]*)>", reader.message["List-Unsubscribe"])[0]
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await site.http.post(link, content=body, headers=form)).status_code == 200
    assert await site.suppressed("ann@example.net") == {"ann@example.net": "unsubscribe"}
