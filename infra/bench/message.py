"""The message that everybody sends: about 10 KB of personalised HTML and text, the same template in Jinja2 and Nunjucks."""

from __future__ import annotations

import base64
import random
from typing import Any

DOMAIN = "bench.example"
SENDER = f"news@{DOMAIN}"
SENDER_NAME = "Example News"
SELECTOR = "s2026"
DISTINCT = 500
"""Recipients with data of their own; after them their data comes again."""

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
NAMES = ("Ann", "Bjørn", "José", "Zoë", "Tom", "Ида", "Mary Jane", "Li", "O'Neill", "Eve")
CITIES = ("Berlin", "Łódź", "Paris")


def content() -> dict[str, str]:
    return {"subject": SUBJECT, "html": HTML, "text": TEXT}


def recipient(number: int) -> dict[str, Any]:
    """Address and template variables, as `/manage/lists/{id}/recipients` takes them."""
    address = f"person{number}@mail{number % 7}.example"
    return {"to": address, "data": _data(number % DISTINCT, address)}


def _data(n: int, address: str) -> dict[str, Any]:
    stories = [
        {"title": f"Story {n + k} & more", "url": f"https://news.example.com/s/{n + k}?ref={n}"}
        for k in range(3)
    ]
    return {
        "first_name": NAMES[n % len(NAMES)],
        "last_name": f"Example{n}",
        "city": CITIES[n % len(CITIES)],
        "stories": stories,
        "order": {"number": 10_000 + n, "date": "2026-11-23", "total": f"{n}.90", "currency": "EUR"},
        "member": "2019" if n % 2 else "",
        "points": n * 3,
        "address": address,
        "unsubscribe": f"https://click.example.com/unsubscribe/{n:032x}",
    }


def attachment(size: int) -> dict[str, str]:
    """A file that does not compress, in base64 as the HTTP API takes it."""
    octets = random.Random(size).randbytes(size)  # noqa: S311 (the same file each time)
    return {
        "filename": "catalogue.pdf",
        "content": base64.b64encode(octets).decode(),
        "content_type": "application/pdf",
    }
