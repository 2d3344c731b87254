"""What pages show: the API's own figures, in words, with nothing of a user's running."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

import pytest

from tests.actions.harness import DOMAIN, SENDER
from tests.gateways.console.test_console import PAGES
from warmpost.gateways.console.api import Api
from warmpost.gateways.console.pages.domains import gauge
from warmpost.gateways.console.pages.lists import with_header
from warmpost.gateways.console.pages.overview import month_of
from warmpost.gateways.http.auth import EVERYTHING, Caller

NASTY = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}{% x %}"


@pytest.fixture
async def signed_in(browser):
    await browser.sign_in()
    return browser


def api_of(browser) -> Api:
    class Outer:
        scope = {}

    return Api(Outer(), browser.harness.services, Caller("first", EVERYTHING))  # type: ignore[arg-type]


async def import_rows(browser, rows: str) -> str:
    await browser.post("/lists", {"name": "readers"})
    answer = await browser.post("/lists/1/rows", {"rows": rows})
    return answer.text


async def test_every_page_can_be_shown_empty(signed_in):
    for path in PAGES:
        answer = await signed_in.get(path)
        assert answer.status_code == 200, (path, answer.text[:300])


async def test_names_full_of_markup_are_shown_as_text(signed_in):
    await signed_in.post("/lists", {"name": NASTY})
    await signed_in.post("/templates", {"name": NASTY})
    await signed_in.post("/suppressions", {"do": "add", "address": "ann@example.net", "note": NASTY})
    for path in ("/lists", "/lists/1", "/templates", "/suppressions", "/new", f"/recipients?q={NASTY}"):
        text = (await signed_in.get(path)).text
        assert "<img src=x" not in text, path
        assert "&lt;img src=x" in text, path
        assert "49" not in re.sub(r"[^&]*&lt;img src=x[^<]{0,80}", "", "") and "{{ 7*7 }}" in text.replace(
            "&#34;", '"'
        )


async def test_no_page_holds_a_style_or_script_of_its_own(signed_in):
    await signed_in.post("/lists", {"name": "readers"})
    await signed_in.post("/templates", {"name": "weekly"})
    for path in (*PAGES, "/lists/1", f"/domains/{DOMAIN}", "/attention"):
        text = (await signed_in.get(path)).text
        assert not re.search(r"<[^>]+\sstyle=", re.sub(r"(?s)<textarea.*?</textarea>", "", text)), path
        assert not re.search(r"<[^>]+\son\w+=", re.sub(r"(?s)<textarea.*?</textarea>", "", text)), path
        assert not re.search(r"<script(?![^>]* src=)", text) and "<style" not in text, path
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text), path


async def test_rejected_rows_are_told_with_line_and_reason(signed_in):
    text = await import_rows(
        signed_in, "email,name\r\nann@example.net,Ann\r\nnobody,No\r\nbob@example.net,Bob"
    )
    assert "2 added, 0 updated, 0 were there already, 1 rejected" in text
    assert re.search(r'<td class="n">3</td><td class="mono">nobody</td><td>the address has no @</td>', text)


async def test_addresses_alone_are_rows_too(signed_in):
    assert with_header("ann@example.net\nbob@example.net").startswith("email\n")
    assert "2 added" in await import_rows(signed_in, "ann@example.net\nbob@example.net")


async def test_a_refused_form_keeps_what_was_typed_and_names_its_field(signed_in):
    answer = await signed_in.post("/domains", {"domain": "not a domain"})
    assert answer.status_code == 422
    assert 'value="not a domain"' in answer.text and 'aria-invalid="true"' in answer.text


async def test_a_template_error_is_told_at_its_line(signed_in):
    await signed_in.post("/templates", {"name": "weekly"})
    wrong = {"name": "weekly", "subject": "Hello", "html": "<p>\n<b>\n{% if x %}\n</p>"}
    answer = await signed_in.post("/templates/1", wrong)
    assert answer.status_code == 422 and re.search(r'data-line="[34]"', answer.text)
    assert "{% if x %}" in answer.text


async def test_a_list_is_deleted_when_its_name_was_typed_and_not_before(signed_in):
    await signed_in.post("/lists", {"name": "readers"})
    assert (await signed_in.post("/lists/1", {"do": "delete", "confirm": "reader"})).status_code == 422
    assert (await signed_in.post("/lists/1", {"do": "delete", "confirm": "readers"})).status_code == 303


async def order(browser, **more: str) -> dict[str, str]:
    await browser.post("/lists", {"name": "readers"})
    await browser.post("/lists/1/rows", {"rows": "email,name\nann@example.net,Ann\nbob@example.net,Bob"})
    await browser.post("/templates", {"name": "weekly"})
    asked = {
        "who": "list",
        "list": "1",
        "template": "1",
        "from": SENDER,
        "name": "Autumn letter",
        "when": "now",
    }
    return {**asked, "once": "1", "unsubscribe": "footer", **more}


async def test_a_sending_is_checked_before_it_can_be_sent(signed_in):
    asked = await order(signed_in)
    assert 'value="send"' not in (await signed_in.get("/new")).text
    checked = await signed_in.post("/new", {**asked, "do": "check"})
    assert checked.status_code == 200 and "Send to 2 recipients" in checked.text
    assert (await signed_in.get("/batches/1")).status_code == 404


async def test_a_batch_is_sent_once_however_often_the_button_is_pressed(signed_in):
    asked = await order(signed_in, do="send")
    first, second = [await signed_in.post("/new", asked) for _ in range(2)]
    assert first.headers["location"] == second.headers["location"] == "/console/batches/1?done=batch-sent"


async def test_the_batch_page_shows_the_figures_that_the_api_answers(signed_in):
    asked = await order(signed_in, do="send")
    await signed_in.post("/new", asked)
    await signed_in.harness.queue.run()
    told = await api_of(signed_in).get("/batch-submit/1")
    text = (await signed_in.get("/batches/1")).text
    for name, count in told["counts"].items():
        assert re.search(rf">{name.capitalize()}<b>{count:,}</b>", text), name
    assert "Autumn letter" in text


async def test_progress_leads_to_the_whole_page_when_the_state_changes(signed_in):
    await signed_in.post("/new", await order(signed_in, do="send"))
    await signed_in.post("/batches/1", {"do": "pause"})
    same = await signed_in.get("/batches/1/progress?was=paused")
    other = await signed_in.get("/batches/1/progress?was=sending")
    assert "hx-refresh" not in same.headers and other.headers["hx-refresh"] == "true"
    assert 'hx-trigger="every 15s"' in same.text


async def test_a_batch_is_paused_resumed_and_cancelled_from_its_page(signed_in):
    await signed_in.post("/new", await order(signed_in, do="send"))
    for action, words in (("pause", "Paused by hand"), ("resume", "Pause"), ("cancel", "cancelled")):
        assert (await signed_in.post("/batches/1", {"do": action})).status_code == 303
        assert words in (await signed_in.get("/batches/1")).text


async def test_a_missing_choice_is_told_at_its_field(signed_in):
    asked = await order(signed_in, do="check", template="")
    answer = await signed_in.post("/new", asked)
    assert answer.status_code == 422 and "Choose the template that is sent." in answer.text


async def test_pasted_rows_that_are_wrong_are_named(signed_in):
    asked = await order(signed_in, do="check", who="some", recipients="email,name\nnobody,No")
    answer = await signed_in.post("/new", asked)
    assert answer.status_code == 422 and "nobody" in answer.text


async def test_a_key_is_shown_once(signed_in):
    made = await signed_in.post("/keys", {"name": "shop", "scope": ["send", "read"], "do": "create"})
    key = re.search(r"wp_\w+", made.text)
    assert made.status_code == 200 and key
    assert key[0] not in (await signed_in.get("/keys")).text


async def test_somebody_is_suppressed_and_the_suppression_lifted(signed_in):
    back = "/recipients?q=ann@example.net"
    await signed_in.post(
        "/suppressions", {"do": "add", "address": "ann@example.net", "note": "asked", "back": back}
    )
    assert "by hand" in (await signed_in.get(back)).text
    await signed_in.post("/suppressions", {"do": "lift", "address": "ann@example.net", "back": back})
    assert "The address is mailed." in (await signed_in.get(back)).text


async def test_finding_leads_to_a_batch_by_its_number(signed_in):
    await signed_in.post("/new", await order(signed_in, do="send"))
    assert (await signed_in.get("/recipients?q=%231")).headers["location"] == "/console/batches/1"


def test_a_gauge_has_its_limit_where_it_can_be_seen():
    assert gauge("6.8 %", "< 5 %") == {"width": 68.0, "limit": 50.0}
    assert gauge("100 %", ">= 70 %") == {"width": 100.0, "limit": 70.0}
    assert gauge("unknown", "< 5 %")["width"] == 0


def test_the_month_is_added_up_of_its_own_days():
    rows: list[Any] = [
        {"day": "2026-10-31", "sent": 5},
        {"day": "2026-11-01", "sent": 2},
        {"day": "2026-11-03"},
    ]
    spent = [{"day": one["day"], "total": 1.0, "without_relay": 0.5} for one in rows]
    cost = {"by": spent, "currency": "USD", "prices_of": "2025-06"}
    month = month_of({"items": rows, "cost": cost}, date(2026, 11, 3))
    assert month is not None and (month["total"], month["without_relay"], month["sent"]) == (2.0, 1.0, 2)
    assert month_of(None, date(2026, 11, 3)) is None


async def test_a_message_is_shown_as_it_went_out_and_sent_once_more(signed_in):
    asked = {
        "from": SENDER,
        "to": "ann@example.net",
        "subject": "Hello",
        "text": "Dear <b>Ann</b>",
        "once": "1",
    }
    first = (await signed_in.post("/messages", asked)).headers["location"].partition("?")[0]
    shown = await signed_in.get(f"{first.removeprefix('/console')}/content")
    assert (
        "Dear &lt;b&gt;Ann&lt;/b&gt;" in shown.text and "sandbox;" in shown.headers["content-security-policy"]
    )
    again = await signed_in.post(first.removeprefix("/console"), {"do": "resend"})
    assert again.headers["location"].startswith("/console/messages/") and not again.headers[
        "location"
    ].startswith(first)
    assert "Hello" in (await signed_in.get("/messages")).text


async def test_the_mail_of_a_batchs_recipient_is_shown_in_a_sandbox(signed_in):
    await signed_in.post("/new", await order(signed_in, do="send"))
    await signed_in.harness.queue.run()
    shown = await signed_in.get("/batches/1/mail/0")
    assert shown.status_code == 200 and "Dear" in shown.text
    assert "sandbox;" in shown.headers["content-security-policy"]
