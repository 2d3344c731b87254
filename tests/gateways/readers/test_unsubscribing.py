"""How a reader leaves: by one click, by the page and its button, never by looking."""

import re

import pytest

from tests.actions.harness import DOMAIN
from tests.gateways.mail_reader import CONFIRM, ONE_CLICK
from warmpost.errors import Unavailable
from warmpost.gateways.readers.words import WORDS


async def test_looking_never_unsubscribes(site):
    [letter] = await site.batch("ann@example.net", unsubscribe="ar")
    for method in ("GET", "HEAD"):
        answered = await site.http.request(method, letter.unsubscribe)
        assert answered.status_code == 200
    for body in ({}, {"List-Unsubscribe": "no"}, {"confirm": "no"}):
        assert (await site.http.post(letter.unsubscribe, data=body)).status_code == 400
    assert (await site.http.get(letter.unsubscribe.split("?")[0] + "/undo")).status_code == 405
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
    site.harness.clock.advance(1)
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


async def test_an_unsubscription_that_cannot_be_kept_is_no_success(site, monkeypatch):
    [letter] = await site.batch("ann@example.net")

    async def down(*_):
        raise Unavailable("store_unavailable", "The store does not answer.")

    monkeypatch.setattr("warmpost.actions.events.reader_actions.log_events", down)
    assert (await site.http.post(letter.unsubscribe, data=ONE_CLICK)).status_code == 503
    page = await site.http.post(letter.unsubscribe, data=CONFIRM)
    assert page.status_code == 503 and WORDS["en"].later[0] in page.text
