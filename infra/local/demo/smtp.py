"""What a program does that can send mail by host, port, user and password, and what became of each of its mails."""

from __future__ import annotations

import asyncio
import csv
import io
import smtplib
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid
from pathlib import Path

import jinja2

from infra.local.demo import scenario
from infra.local.demo.api import Api, Json, Refused
from infra.local.inbox.maildir import Maildir, take_apart

CONNECTIONS = 10  # kept open, as a program's pool of them does
AT_ONCE = 16  # questions to the API
TRIES = 60  # of a message that is put off, half a second between them
THROUGH = ("sent", "delivered")
SIMULATOR = "@simulator.invalid"
Row = dict[str, str]


@dataclass
class Handed:
    """ids: of messages that were answered 250, by address. refused: rows as an import tells of them, with the gateway's
    words.
    """

    ids: dict[str, str] = field(default_factory=dict)
    refused: list[Json] = field(default_factory=list)
    duplicates: int = 0

    @property
    def imported(self) -> scenario.Imported:
        return scenario.Imported(0, len(self.ids), self.duplicates, self.refused)


class Composer:
    """Renders the newsletter, which the program does itself: it hands over whole messages."""

    def __init__(self) -> None:
        environment = jinja2.Environment(autoescape=False)  # noqa: S701 (text; the HTML has one of its own)
        escaping = jinja2.Environment(autoescape=True)
        self._subject = environment.from_string(scenario.SUBJECT)
        self._text = environment.from_string((scenario.HERE / "newsletter.txt").read_text())
        self._html = escaping.from_string((scenario.HERE / "newsletter.html").read_text())

    def mail(self, row: Row) -> EmailMessage:
        """Raises ValueError or IndexError (of the library's parser) where the row's address fits into no field."""
        data = {**scenario.BLANK, **row}
        made = EmailMessage(policy=SMTP if row["email"].isascii() else SMTPUTF8)
        made["From"] = Address(scenario.SENDER_NAME, addr_spec=scenario.SENDER)
        made["To"], made["Subject"] = row["email"], self._subject.render(data)
        made["Date"], made["Message-ID"] = formatdate(), make_msgid(domain=scenario.DOMAIN)
        made["X-Warmpost-Tag"] = "letter=48"
        made.set_content(self._text.render(data))
        made.add_alternative(self._html.render(data), subtype="html")
        return made


class Sender:
    """The program. access: `smtp_submission` as `up` prints it."""

    def __init__(self, access: Json) -> None:
        self._access = access
        self._composer = Composer()
        self._own = threading.local()

    def connect(self) -> smtplib.SMTP:
        access = self._access
        client = smtplib.SMTP(access["host"], access["port"], timeout=60)
        client.starttls(context=ssl.create_default_context(cafile=access["certificate"]))
        client.login(access["user"], access["password"])
        return client

    def hand_over(self, row: Row) -> tuple[bool, str]:
        """Whether it was taken, with its id, or the gateway's words. Put off, it comes again, as a program's queue does."""
        try:
            mail = self._composer.mail(row)
        except (ValueError, IndexError):
            return False, "Python's email package takes it for no address"
        for _ in range(TRIES):
            code, words = self._once(mail, row["email"])
            if code // 100 != 4:
                break
            time.sleep(0.5)
        return code == 250, words.rpartition(" ")[2] if code == 250 else f"{code} {words}"

    def _once(self, mail: EmailMessage, to: str) -> tuple[int, str]:
        client: smtplib.SMTP | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self.connect()
        code, words = client.mail(scenario.SENDER, () if to.isascii() else ("SMTPUTF8",))
        if code == 250:
            code, words = client.rcpt(to)
        if code == 250:
            code, words = client.data(mail.as_bytes())
        else:
            client.rset()
        return code, words.decode(errors="replace")


def rows_of(parts: Sequence[bytes]) -> Iterator[tuple[int, Row]]:
    """Lines of the file with the number at which each begins; columns beyond the header are left out."""
    earlier = 0
    for content in parts:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""))
        while True:
            line = reader.line_num + 1
            row = next(reader, None)
            if row is None:
                break
            named = {name: value or "" for name, value in row.items() if name is not None}
            yield earlier + max(line, 2), {**named, "email": named["email"].strip()}
        earlier += reader.line_num - 1


async def hand_over(access: Json, parts: Sequence[bytes], show: Callable[[int], None]) -> Handed:
    """A message to each address of the file, over a few kept connections. show: called with how many were."""
    handed, seen = Handed(), set[str]()
    sender = Sender(access)
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(CONNECTIONS) as pool:

        async def one(line: int, row: Row) -> None:
            taken, words = await loop.run_in_executor(pool, sender.hand_over, row)
            if taken:
                handed.ids[row["email"]] = words
            else:
                handed.refused.append({"line": line, "value": row["email"], "reason": words})
            show(len(handed.ids))

        waiting = []
        for line, row in rows_of(parts):
            if row["email"].lower() in seen:
                handed.duplicates += 1
                handed.refused.append({"line": line, "value": row["email"], "reason": "is there already"})
                continue
            seen.add(row["email"].lower())
            waiting.append(one(line, row))
        await asyncio.gather(*waiting)
    handed.refused.sort(key=lambda row: row["line"])
    return handed


async def send_all(
    api: Api, info: Json, parts: Sequence[bytes], show: Callable[[int], None]
) -> tuple[Handed, scenario.Ending, list[str]]:
    """Hand all over, wait until each message has ended, and an hour more for those whom the relay put off.

    Also what does not add up, in sentences. info: what `up --json` prints.
    """
    before = await scenario.writes(api)
    started = time.monotonic()
    handed = await hand_over(info["smtp_submission"], parts, show)
    lines = await _ended(api, handed)
    seconds = time.monotonic() - started
    writes = await scenario.writes(api) - before
    deferred = sum(line["status"] == "deferred" for line in lines)
    if deferred:
        await api.post("/_local/clock", {"advance_seconds": 3600})
        lines = await _ended(api, handed)
    ending = _ending(lines, seconds, writes, deferred, _arrived(info["inbox_dir"]))
    return handed, ending, unaccounted(handed, lines, _arrived(info["inbox_dir"]))


def _ending(
    lines: Sequence[Json], seconds: float, writes: int, deferred: int, arrived: Counter[str]
) -> scenario.Ending:
    counts = Counter(line["status"] for line in lines)
    return scenario.Ending(
        recipients=len(lines),
        counts=dict(counts),
        seconds=seconds,
        writes=writes,
        trouble=[
            scenario.trouble_of(status, line)
            for status in scenario.TROUBLE
            for line in lines
            if line["status"] == status
        ],
        taken_later=deferred - counts["deferred"],
        simulated=sum(line["to"].endswith(SIMULATOR) for line in lines if line["status"] in THROUGH),
        arrived=arrived.total(),
    )


def _arrived(folder: str) -> Counter[str]:
    """How many messages the inbox has for each address."""
    files = Maildir(Path(folder)).scan().values()
    return Counter(take_apart(file.read_bytes()).delivered_to for file in files)


def unaccounted(handed: Handed, lines: Sequence[Json], arrived: Counter[str]) -> list[str]:
    """A message whose answer was lost after its end is sent again, so that more may have arrived than were sent."""
    wrong = []
    if len(lines) != len(handed.ids) or len(set(handed.ids.values())) != len(lines):
        wrong.append(f"{len(handed.ids)} were answered 250, {len(lines)} messages are known")
    through = {
        line["to"] for line in lines if line["status"] in THROUGH and not line["to"].endswith(SIMULATOR)
    }
    if missing := through - set(arrived):
        wrong.append(f"sent and not in the inbox: {', '.join(sorted(missing))}")
    doubtful = {line["to"] for line in lines if line["status"] in ("deferred", "uncertain")}
    if more := [address for address, count in arrived.items() if address not in doubtful and count > 1]:
        wrong.append(f"more than once in the inbox: {', '.join(sorted(more))}")
    if strangers := set(arrived) - through - doubtful:
        wrong.append(f"in the inbox and not sent: {', '.join(sorted(strangers))}")
    return wrong


async def _ended(api: Api, handed: Handed) -> list[Json]:
    """The recipient of each message, once none of them waits for anybody. Raises Refused when nothing moves any more."""
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(message: str) -> Json:
        deadline = time.monotonic() + scenario.STANDSTILL
        while True:
            async with turn:
                shown = await api.get(f"/send/{message}")
            (line,) = shown["recipients"]
            if line["status"] not in scenario.UNDER_WAY:
                return dict(line)
            if time.monotonic() > deadline:
                raise Refused(f"message {message} has waited for {scenario.STANDSTILL:.0f} s")
            await asyncio.sleep(0.2)

    return await asyncio.gather(*(one(message) for message in handed.ids.values()))
