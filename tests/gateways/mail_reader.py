"""A reader of mail: what it finds in a message, and the doors behind its links."""

import re
from email import message_from_bytes
from email.policy import SMTP
from html.parser import HTMLParser

import httpx
from starlette.requests import Request

from tests.actions.harness import DOMAIN, MASTER_KEY, SENDER, templates
from warmpost.adapters.message.encryption import Encryption
from warmpost.adapters.message.signing_pool import SigningPool
from warmpost.gateways.api.batch_submit import batch_submit
from warmpost.gateways.api.send import send
from warmpost.gateways.http.app import answer
from warmpost.gateways.http.auth import Keys
from warmpost.gateways.readers.track import track
from warmpost.rules.events.documents import EventLog
from warmpost.rules.events.event_packing import unpack_events
from warmpost.rules.tracking.tokens import Signer
from warmpost.rules.tracking.tracking import Links

BASE = "https://t.example.com/track"


LINKS = Links(BASE, Signer(bytes(32)))


KEY = "the-first-key"


PHONE = {"User-Agent": "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Mobile"}


ONE_CLICK = {"List-Unsubscribe": "One-Click"}


CONFIRM = {"confirm": "yes"}


HTML = '<body><p>Dear {{ name }}</p><a href="https://a.example/?a=1&amp;n={{ name }}#x">x</a></body>'


class Site:
    """The three doors that matter here, one recipient's programs behind a client."""

    def __init__(self, harness):
        self.harness = harness
        self.services = harness.worker(
            "one", signing_pool=SigningPool(templates(), Encryption(MASTER_KEY), 1, LINKS)
        )
        self.store = harness.store
        keys = Keys(harness.store, KEY)
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
        before = len(self.harness.relays.handed)
        await self.post(path, **body)
        await self.harness.queue.run(self.services)
        return [MessageContent(one) for one in self.harness.relays.handed[before:]]

    async def events(self):
        logs = await self.store.find(EventLog, "events")
        return sorted(
            (one for log in logs for one in unpack_events(log.value.content)), key=lambda one: one.at
        )

    async def suppressed(self, *addresses):
        return await self.services.suppressed.among(addresses, DOMAIN, self.services.clock.now())


class MessageContent:
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
