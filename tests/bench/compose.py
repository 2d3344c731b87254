"""What composing one message costs: `python tests/bench/compose.py` prints microseconds per message, one thread.

The message is personalised, 10 KB of HTML and text. Medians of several rounds; `least` is the calmest one.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "functions"))

import dkim
from jinja2 import Environment

from warmpost.adapters.composing import Composer, Unsigned
from warmpost.adapters.dkim_signing import generate_ed25519_key, generate_rsa_key, open_key
from warmpost.adapters.templates import Templates
from warmpost.rules.dkim import SigningKey
from warmpost.rules.events import Target
from warmpost.rules.letters import Content, Job, Letter, Mailbox, Recipient
from warmpost.rules.tokens import Signer
from warmpost.rules.tracking import UNMARKED, Links, Marks, Track

SUBJECT = "{{ first_name }}, your week in {{ city }}"
TEXT = (
    """Hello {{ first_name }} {{ last_name }},

this is what happened in {{ city }} this week, chosen for you.

{% for story in stories %}* {{ story.title }}
  {{ story.url }}
{% endfor %}
Your order {{ order.number }} of {{ order.date }}: {{ order.total }} {{ order.currency|default("EUR") }}

"""
    + 20 * "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy.\n"
)
ROW = """      <tr>
        <td style="padding: 12px 24px; font-family: Helvetica, Arial, sans-serif; font-size: 15px; color: #333333">
          Stet clita kasd gubergren, no sea takimata sanctus est.
        </td>
      </tr>
"""
HTML = (
    """<!DOCTYPE html>
<html lang="en">
  <head><meta charset="utf-8"><title>{{ city }}</title></head>
  <body style="margin: 0; background: #f4f4f4">
    <table role="presentation" width="600" align="center">
      <tr><td><h1>Hello {{ first_name }} {{ last_name }}</h1></td></tr>
"""
    + 14 * ROW
    + """{% for story in stories %}      <tr><td><a href="{{ story.url }}">{{ story.title }}</a></td></tr>
{% endfor %}"""
    + 14 * ROW
    + """      <tr><td>Order {{ order.number }} of {{ order.date }}</td></tr>
      <tr><td>{{ order.total }} {{ order.currency|default("EUR") }}</td></tr>
      {% if member %}<tr><td>Member since {{ member }}, {{ points }} points</td></tr>{% endif %}
      <tr><td>Sent to {{ address }}. <a href="{{ unsubscribe }}">Unsubscribe</a></td></tr>
    </table>
  </body>
</html>
"""
)
CONTENT = Content(subject=SUBJECT, html=HTML, text=TEXT, templated=True)
LETTER = Letter(sender=Mailbox("news@news.example.com", "Example News"), content=CONTENT)
LINKS = 50
STATIC_LINKS = "".join(
    f'<p><a href="https://news.example.com/s/{n}?a=1&amp;b=2">x</a></p>\n' for n in range(LINKS)
)
MADE_LINKS = "".join(
    f'<p><a href="https://news.example.com/s/{n}?u={{{{ points }}}}">x</a></p>\n' for n in range(LINKS)
)
TRACK = Links("https://t.example.com/track", Signer(bytes(32)))
NAMES = ["Ann", "Bjørn", "José", "Zoë", "Tom", "Ида", "Mary Jane", "Li", "O'Neill", "Eve"]


def jobs(count: int) -> list[Job]:
    return [
        Job(
            Recipient(f"person{n}@mail{n % 7}.example", _data(n)),
            f"k{n:08d}.12.{n}@news.example.com",
            f"bounce+{n}@news.example.com",
            1_790_000_000 + n / 200,
            (
                ("List-Unsubscribe", f"<https://click.example.com/unsubscribe/{n:032x}>"),
                ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ),
        )
        for n in range(count)
    ]


def _data(n: int) -> dict[str, object]:
    stories = [
        {"title": f"Story {n + k} & more", "url": f"https://news.example.com/s/{n + k}?ref={n}"}
        for k in range(3)
    ]
    return {
        "first_name": NAMES[n % 10],
        "last_name": f"Example{n}",
        "city": ["Berlin", "Łódź", "Paris"][n % 3],
        "stories": stories,
        "order": {"number": 10_000 + n, "date": "2026-11-23", "total": f"{n}.90", "currency": "EUR"},
        "member": "2019" if n % 2 else "",
        "points": n * 3,
        "address": f"person{n}@mail{n % 7}.example",
        "unsubscribe": f"https://click.example.com/unsubscribe/{n:032x}",
    }


def plain_jinja() -> Callable[[Job], tuple[str, str, str]]:
    text, html = Environment(), Environment(autoescape=True)
    subject, body, rich = text.from_string(SUBJECT), text.from_string(TEXT), html.from_string(HTML)
    return lambda job: (
        subject.render(job.recipient.data),
        body.render(job.recipient.data),
        rich.render(job.recipient.data),
    )


def email_message(job: Job, subject: str, text: str, html: str) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = "Example News <news@news.example.com>"
    message["To"] = job.recipient.address
    message["Subject"] = subject
    message["Date"] = "Tue, 14 Nov 2023 22:13:20 +0000"
    message["Message-ID"] = f"<{job.message_id}>"
    for name, value in job.headers:
        message[name] = value
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def dkimpy_signer(key: SigningKey, message: bytes) -> Callable[[bytes], bytes]:
    """dkimpy's own signing, its RSA step served by OpenSSL, with header fields and body already split."""
    split = dkim.DKIM(message)
    headers, body = split.headers, split.body
    sign = open_key(key)

    def run(_: bytes) -> bytes:
        signer = dkim.DKIM()
        signer.headers, signer.body = headers, body
        with (
            patch.object(dkim, "parse_pem_private_key", lambda _: None),
            patch.object(dkim, "RSASSA_PKCS1_v1_5_sign", lambda digest, _: sign(digest.digest())),
        ):
            return signer.sign(
                key.selector.encode(), key.domain.encode(), b"", canonicalize=(b"relaxed", b"simple")
            )

    return run


def both(composer: Composer, job: Job) -> object:
    unsigned = composer.prepare(job)
    assert isinstance(unsigned, Unsigned)
    return composer.sign(unsigned)


def measure(name: str, function: Callable[..., object], inputs: Sequence[Any], rounds: int) -> None:
    times = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for one in inputs:
            function(one)
        times.append((time.perf_counter() - begin) / len(inputs) * 1e6)
    print(f"{name:<64} {statistics.median(times):9.1f} {min(times):9.1f}")


def measure_links(batch: Sequence[Job], rounds: int) -> None:
    """What tracking adds to rendering, for each link and for the picture."""
    templates = Templates()
    clicks = Marks(TRACK.base, Track(clicks=True))
    for name, html, marks, count in (
        ("a link that is the same for all, tracked", STATIC_LINKS, clicks, LINKS),
        ("a link made by the template, tracked", MADE_LINKS, clicks, LINKS),
        ("the picture", STATIC_LINKS, Marks(TRACK.base, Track(opens=True)), 1),
    ):
        content = Content("s", html, "t", templated=True)
        plain, marked = templates.compile(content, UNMARKED), templates.compile(content, marks)
        times = []
        for _ in range(rounds):
            spent = []
            for compiled in (plain, marked):
                begin = time.perf_counter()
                for n, job in enumerate(batch):
                    reader = TRACK.reader(Target("7", position=n), job.date)
                    compiled.render({}, job.recipient.data, reader)
                spent.append(time.perf_counter() - begin)
            times.append((spent[1] - spent[0]) / len(batch) / count * 1e6)
        print(f"{name:<64} {statistics.median(times):9.1f} {min(times):9.1f}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=200)
    options.add_argument("--rounds", type=int, default=9)
    options.add_argument("--alternatives", action="store_true", help="measure the usual ways beside ours")
    chosen = options.parse_args()
    batch = jobs(chosen.count)
    pem, _ = generate_rsa_key()
    rsa = SigningKey("news.example.com", "s2026", "rsa-sha256", pem)
    ed25519 = SigningKey("news.example.com", "e2026", "ed25519-sha256", generate_ed25519_key()[0])

    begin = time.perf_counter()
    compiled = Templates().compile(CONTENT)
    print(f"compile once: {(time.perf_counter() - begin) * 1e3:.1f} ms")
    composer = Composer(LETTER, compiled, [rsa])
    first = composer.prepare(batch[0])
    assert isinstance(first, Unsigned)
    print(f"message: {composer.sign(first).size} bytes\n{'':<64} {'median':>9} {'least':>9}  µs a message")

    unsigned = [one for one in map(composer.prepare, batch) if isinstance(one, Unsigned)]
    unkeyed = Composer(LETTER, compiled, [rsa])
    unkeyed._keys = [(rsa, lambda _: bytes(256))]  # everything but the public-key operation
    sign_rsa, sign_ed25519 = open_key(rsa), open_key(ed25519)
    digest = bytes(32)
    rounds = chosen.rounds
    measure("render to encoded pieces", lambda job: compiled.render({}, job.recipient.data), batch, rounds)
    measure("prepare", composer.prepare, batch, rounds)
    measure("prepare and sign but for the RSA operation", lambda job: both(unkeyed, job), batch, rounds)
    measure("sign, RSA-2048", composer.sign, unsigned, rounds)
    measure("the RSA operation alone", lambda _: sign_rsa(digest), batch, rounds)
    measure("the Ed25519 operation alone", lambda _: sign_ed25519(digest), batch, rounds)
    measure("prepare and sign", lambda job: both(composer, job), batch, rounds)
    measure_links(batch, rounds)
    if chosen.alternatives:
        render = plain_jinja()
        few = batch[:40]
        rendered = [(job, *render(job)) for job in few]
        measure("alternative: Jinja2, cached templates, to text", render, batch, rounds)
        measure("alternative: EmailMessage", lambda one: email_message(*one), rendered, 3)
        message = email_message(*rendered[0])
        measure("alternative: dkimpy, split already, RSA in OpenSSL", dkimpy_signer(rsa, message), few, 3)


if __name__ == "__main__":
    main()
