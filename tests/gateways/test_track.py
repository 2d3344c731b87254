"""Messages as they are handed to a relay, and what the links in them do, on a real database."""

import re
from dataclasses import replace
from email import message_from_bytes
from email.policy import SMTP
from html.parser import HTMLParser

import dkim
import httpx
import pytest
from starlette.requests import Request

from tests.sending.workshop import DOMAIN, MASTER_KEY, SENDER, Workshop, domain_key, template, templates
from warmpost.adapters.press import Press
from warmpost.adapters.sealing import Seal
from warmpost.errors import Unavailable
from warmpost.gateways.auth import Keys
from warmpost.gateways.batch_submit import batch_submit
from warmpost.gateways.http import answer
from warmpost.gateways.pages.words import WORDS
from warmpost.gateways.send import send
from warmpost.gateways.track import PIXEL, track
from warmpost.rules.chunks import pack_all
from warmpost.rules.dkim import record_name, record_value
from warmpost.rules.documents import EventLog
from warmpost.rules.event_packing import unpack_events
from warmpost.rules.events import Target
from warmpost.rules.letters import Recipient
from warmpost.rules.tokens import Signer
from warmpost.rules.tracking import Links, Track
from warmpost.rules.writes import Delete, Put

BASE = "https://t.example.com/track"
LINKS = Links(BASE, Signer(bytes(32)))
KEY = "the-first-key"
PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile"}
ONE_CLICK = {"List-Unsubscribe": "One-Click"}
CONFIRM = {"confirm": "yes"}
HTML = '<body><p>Dear {{ name }}</p><a href="https://a.example/?a=1&amp;n={{ name }}#x">x</a></body>'


class Site:
    """The three doors that matter here, one recipient's programs behind a client."""

    def __init__(self, workshop):
        self.workshop = workshop
        self.services = workshop.worker("one", press=Press(templates(), Seal(MASTER_KEY), 1, LINKS))
        self.store = workshop.store
        keys = Keys(workshop.store, KEY)
        doors = {
            "send": lambda asked: send(asked, self.services, keys),
            "batch-submit": lambda asked: batch_submit(asked, self.services, keys),
            "track": lambda asked: track(asked, self.services, LINKS),
        }

        async def app(scope, receive, respond):
            name, _, rest = scope["path"].removeprefix("/").partition("/")
            raw = scope["raw_path"].removeprefix(f"/{name}".encode())
            request = Request({**scope, "path": f"/{rest}", "raw_path": raw}, receive)
            response = await answer(request, doors[name])
            await response(scope, receive, respond)

        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="https://t.example.com", headers=PHONE
        )

    async def post(self, path, **body):
        headers = {"Authorization": f"Bearer {KEY}"}
        answered = await self.http.post(path, json={"from": SENDER} | body, headers=headers)
        assert answered.status_code == 202, answered.text
        return answered.json()["id"]

    async def batch(self, *addresses, **fields):
        """The messages of a batch, as the relay got them."""
        people = [{"to": one, "data": {"name": f"Ünn {n}"}} for n, one in enumerate(addresses)]
        return await self._handed("/batch-submit", template=1, recipients=people, **fields)

    async def single(self, *addresses, **fields):
        return await self._handed("/send", to=addresses, subject="s", html=HTML, **fields)

    async def _handed(self, path, **body):
        before = len(self.workshop.relays.handed)
        await self.post(path, **body)
        await self.workshop.queue.run(self.services)
        return [Letter(one) for one in self.workshop.relays.handed[before:]]

    async def events(self):
        logs = await self.store.find(EventLog, "events")
        return [event for log in logs for event in unpack_events(log.value.content)]

    async def suppressed(self, *addresses):
        return await self.services.suppressed.among(addresses, DOMAIN, self.services.clock.now())


class Letter:
    def __init__(self, outgoing):
        self.octets = b"".join(outgoing.content)
        self.message = message_from_bytes(self.octets, policy=SMTP)
        self.to = outgoing.envelope.rcpt_to
        self.text, self.html = (part.get_content() for part in self.message.iter_parts())

    @property
    def links(self):
        parser = LinkParser()
        parser.feed(self.html)
        return parser.found

    @property
    def unsubscribe(self):
        """The https link of the header."""
        return re.findall(r"<(https:[^>]*)>", self.message["List-Unsubscribe"])[0]


class LinkParser(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = []

    def handle_starttag(self, tag, attrs):
        self.found += [value for name, value in attrs if name in ("href", "src")]


@pytest.fixture
async def site(store):
    workshop = await Workshop(store).open()
    await store.commit(Put("templates/1", template("Hello {{ name }}", HTML)))
    site = Site(workshop)
    yield site
    await site.http.aclose()


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
        site.workshop.clock.advance(60)
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
        site.workshop.clock.advance(60)
        answered = await site.http.get(letter.links[-1], headers={"User-Agent": agent})
        assert (answered.status_code, answered.headers["content-type"]) == (200, "image/gif")
        assert (
            len(PIXEL) == 43 and answered.content == PIXEL and "no-store" in answered.headers["cache-control"]
        )
        event = (await site.events())[-1]
        assert (event.kind, event.machine, event.target.message != "") == ("opened", machine, True)


async def test_who_only_asks_for_the_head_is_a_machine(site):
    [letter] = await site.batch("ann@example.net")
    site.workshop.clock.advance(60)
    answered = await site.http.head(letter.links[0])
    assert answered.status_code == 302 and answered.headers["location"]
    assert [event.machine for event in await site.events()] == [True]


async def test_links_work_when_the_message_is_forgotten_and_when_the_store_is_down(site, monkeypatch, caplog):
    [letter] = await site.batch("ann@example.net")
    await site.store.commit(Delete("batches/1"), Delete("batches/1/chunks/000000"))
    assert (await site.http.get(letter.links[0])).status_code == 302

    async def down(*_):
        raise Unavailable("store_unavailable", "The store does not answer.")

    monkeypatch.setattr("warmpost.sending.reader_actions.log_events", down)
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


async def test_looking_never_unsubscribes(site):
    [letter] = await site.batch("ann@example.net", unsubscribe="ar")
    for method in ("GET", "HEAD"):
        answered = await site.http.request(method, letter.unsubscribe)
        assert answered.status_code == 200
    for body in ({}, {"List-Unsubscribe": "no"}, {"confirm": "no"}):
        assert (await site.http.post(letter.unsubscribe, data=body)).status_code == 400
    assert (await site.http.get(letter.unsubscribe.split("?")[0] + "/undo")).status_code == 400
    assert await site.events() == [] and await site.suppressed("ann@example.net") == {}


async def test_one_click_unsubscribes_without_a_page(site):
    ann, bob = await site.batch("ann@example.net", "bob@example.net")
    for _ in range(2):
        answered = await site.http.post(ann.unsubscribe, data=ONE_CLICK)
        assert (
            answered.status_code == 200 and "<" not in answered.text and "set-cookie" not in answered.headers
        )
    assert await site.suppressed("ann@example.net", "bob@example.net") == {"ann@example.net": "unsubscribe"}
    events = await site.events()
    assert {event.kind for event in events} == {"unsubscribed"} and len({event.id for event in events}) == 1
    answered = await site.http.post(bob.unsubscribe, files={"List-Unsubscribe": (None, "One-Click")})
    assert answered.status_code == 200 and "bob@example.net" in await site.suppressed("bob@example.net")


async def test_who_unsubscribed_is_left_out_of_the_next_batch_at_once(site):
    [letter] = await site.batch("ann@example.net")
    await site.http.post(letter.unsubscribe, data=ONE_CLICK)
    letters = await site.batch("Ann@Example.net", "bob@example.net")
    assert [one.to for one in letters] == ["bob@example.net"]


async def test_the_page_unsubscribes_by_its_button_and_takes_it_back(site):
    [letter] = await site.batch("ann@example.net", unsubscribe="de")
    asked = await site.http.get(letter.links[1])
    words = WORDS["de"]
    assert words.ask[0] in asked.text and DOMAIN in asked.text and 'lang="de"' in asked.text
    [form] = re.findall(r'<form method="post" action="([^"]*)"', asked.text)
    done = await site.http.post(form, data=CONFIRM)
    assert done.status_code == 200 and words.done[0] in done.text
    assert await site.suppressed("ann@example.net") == {"ann@example.net": "unsubscribe"}
    [undo] = re.findall(r'<form method="post" action="([^"]*)"', done.text)
    site.workshop.clock.advance(1)
    back = await site.http.post(undo, data=CONFIRM)
    assert back.status_code == 200 and words.back[0] in back.text
    assert await site.suppressed("ann@example.net") == {}
    assert [event.kind for event in await site.events()] == ["unsubscribed", "resubscribed"]
    [again] = re.findall(r'<form method="post" action="([^"]*)"', back.text)
    await site.http.post(again, data=CONFIRM)
    assert await site.suppressed("ann@example.net") == {"ann@example.net": "unsubscribe"}
    assert len({event.id for event in await site.events()}) == 3


async def test_the_page_loads_and_runs_nothing(site):
    [letter] = await site.batch("ann@example.net")
    answered = await site.http.get(letter.unsubscribe)
    policy = answered.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-") and "frame-ancestors 'none'" in policy
    assert "<script" not in answered.text and not re.search(r"(?:src|href)=", answered.text)
    assert answered.headers["cache-control"] == "no-store" and "set-cookie" not in answered.headers
    assert "ann@" not in answered.text


@pytest.mark.parametrize(
    ("asked", "accept", "language", "direction"),
    [
        ("", "", "en", "ltr"),
        ("", "ko-KR,en;q=0.5", "ko", "ltr"),
        ("?lang=ar", "ko", "ar", "rtl"),
        ("?lang=%22%3E", "fr", "fr", "ltr"),
    ],
)
async def test_the_page_speaks_the_readers_language(site, asked, accept, language, direction):
    [letter] = await site.batch("ann@example.net")
    answered = await site.http.get(letter.unsubscribe + asked, headers={"Accept-Language": accept})
    assert f'<html lang="{language}" dir="{direction}">' in answered.text
    assert WORDS[language].ask[0] in answered.text


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


async def test_an_unsubscription_that_cannot_be_kept_is_no_success(site, monkeypatch):
    [letter] = await site.batch("ann@example.net")

    async def down(*_):
        raise Unavailable("store_unavailable", "The store does not answer.")

    monkeypatch.setattr("warmpost.sending.reader_actions.log_events", down)
    assert (await site.http.post(letter.unsubscribe, data=ONE_CLICK)).status_code == 503
    page = await site.http.post(letter.unsubscribe, data=CONFIRM)
    assert page.status_code == 503 and WORDS["en"].later[0] in page.text
