"""Who gets into the console, how long, and what keeps it to itself."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.gateways.console.conftest import FIRST_KEY
from warmpost.actions.operations.manage_keys import revoke_key
from warmpost.errors import Unauthorized
from warmpost.gateways.console.security import PAGE_POLICY
from warmpost.rules.operations.people import parse_people

PAGES = (
    *("/", "/new", "/batches", "/messages", "/schedules", "/simulator", "/templates", "/lists", "/domains"),
    *("/addresses", "/levels", "/statistics", "/recipients", "/suppressions", "/webhooks", "/keys", "/erase"),
)


async def test_a_stranger_is_shown_the_sign_in_page_and_nothing_else(browser):
    for path in PAGES:
        answer = await browser.get(path)
        assert answer.status_code == 401
        assert "API key" in answer.text and "Overview" not in answer.text


async def test_signing_in_sets_a_cookie_for_the_console_alone(browser):
    answer = await browser.sign_in()
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303 and answer.headers["location"] == "/console/"
    assert cookie.startswith("__Secure-warmpost=") and FIRST_KEY not in cookie
    assert all(
        one in cookie for one in ("Path=/console", "Secure", "HttpOnly", "SameSite=Strict", "Max-Age=43200")
    )
    assert (await browser.get("/")).status_code == 200


async def test_a_wrong_key_is_refused_in_words_and_spends_the_throttle_of_the_api(browser):
    statuses = [(await browser.sign_in(f"wrong-{number}")).status_code for number in range(8)]
    assert statuses[0] == 401 and statuses[-1] == 429
    assert "wrong or was revoked" in (await browser.sign_in("wp_x_y")).text or statuses[-1] == 429


async def test_a_session_ends_with_its_key(browser):
    made = await browser.key("manage", "read")
    await browser.sign_in(made.token)
    assert (await browser.get("/")).status_code == 200
    await revoke_key(browser.harness.services, made.id)
    assert (await browser.get("/")).status_code == 401


async def test_a_session_slides_for_twelve_hours_and_then_ends(browser):
    await browser.sign_in()
    clock = browser.harness.services.clock
    for _ in range(3):
        clock.advance(11 * 3600)
        answer = await browser.get("/levels")
        assert answer.status_code == 200 and "set-cookie" in answer.headers
    clock.advance(12 * 3600 + 1)
    assert (await browser.get("/levels")).status_code == 401


@pytest.mark.parametrize("cookie", ["", "x", "AAAA" * 20, "%ff", "é"])
async def test_a_cookie_that_was_not_sealed_here_opens_nothing(browser, cookie):
    answer = await browser.http.get("/console/", headers={"cookie": f"__Secure-warmpost={cookie}".encode()})
    assert answer.status_code == 401


async def test_signing_out_takes_the_cookie_away(browser):
    await browser.sign_in()
    assert "Max-Age=0" in (await browser.post("/sign-out")).headers["set-cookie"]
    assert (await browser.get("/")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none"}, True),
        ({"sec-fetch-site": "same-site"}, False),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "https://test"}, False),
        ({"origin": "https://test"}, True),
        ({"origin": "https://evil.example"}, False),
        ({"origin": "https://test.evil.example"}, False),
        ({"origin": "null"}, False),
    ],
)
async def test_a_form_of_another_site_does_nothing(browser, headers, is_ours):
    await browser.sign_in()
    answer = await browser.post("/lists", {"name": "made"}, headers)
    assert answer.status_code == (303 if is_ours else 403)
    assert ("made" in (await browser.get("/lists")).text) == is_ours


async def test_pages_run_and_load_nothing_from_elsewhere_and_are_not_kept(browser):
    await browser.sign_in()
    for path in PAGES:
        answer = await browser.get(path)
        assert answer.headers["content-security-policy"] == PAGE_POLICY, path
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


async def test_what_a_mail_contains_is_shown_in_a_sandbox_and_asks_nobody(browser):
    await browser.sign_in()
    draft = {
        "subject": "Hello",
        "html": "<p>Dear {{ name }}</p><script>alert(1)</script>",
        "data": '{"name": "Ann"}',
    }
    shown = await browser.post("/templates/preview", draft)
    policy = shown.headers["content-security-policy"]
    assert "<p>Dear Ann</p>" in shown.text
    assert "sandbox;" in policy and "script-src" not in policy and "default-src 'none'" in policy
    assert "img-src data:;" in policy
    loaded = await browser.post("/templates/preview", {**draft, "pictures": "yes"})
    assert "img-src data: https:;" in loaded.headers["content-security-policy"]


async def test_a_key_that_may_only_look_sees_no_buttons_and_is_refused(browser):
    made = await browser.key("read")
    await browser.sign_in(made.token)
    for path in ("/lists", "/domains", "/templates", "/suppressions", "/webhooks", "/addresses"):
        text = (await browser.get(path)).text
        assert "btn primary" not in text, path
    assert (
        "New sending" not in (await browser.get("/")).text and "API keys" not in (await browser.get("/")).text
    )
    refused = await browser.post("/lists", {"name": "made"})
    assert refused.status_code == 403 and "scopes do not include" in refused.text
    assert (await browser.get("/keys")).status_code == 403


async def test_what_was_typed_into_a_form_goes_on_after_signing_in_again(browser):
    typed = {"name": 'the "long" <list>\nof it'}
    answer = await browser.post("/lists", typed)
    assert answer.status_code == 401 and "what you typed is kept" in answer.text
    assert 'action="/console/lists"' in answer.text and "&lt;list&gt;" in answer.text
    done = await browser.post("/lists", {"name": "the long list", "_key": FIRST_KEY})
    assert done.status_code == 303 and "set-cookie" in done.headers
    assert "the long list" in (await browser.get("/lists")).text


@pytest.mark.parametrize("next_page", ["//evil.example", "https://evil.example", "javascript:alert(1)"])
async def test_signing_in_leads_nowhere_but_into_the_console(browser, next_page):
    answer = await browser.post("/sign-in", {"_key": FIRST_KEY, "_next": next_page})
    assert answer.headers["location"].startswith("/console/")


async def test_what_is_not_there_is_said_within_the_frame(browser):
    await browser.sign_in()
    answer = await browser.get("/batches/99")
    assert answer.status_code == 404 and "Overview" in answer.text


async def test_assets_are_small_and_kept_until_they_change(browser):
    names = ("console.css", "console.js", "csv.js", "htmx.js", "mark.svg", "inter.woff2")
    answers = [await browser.get(f"/assets/{name}") for name in names]
    sizes = [int(one.headers["content-length"]) for one in answers]
    assert all(one.status_code == 200 for one in answers) and sum(sizes) < 110_000
    again = await browser.get("/assets/console.css", **{"if-none-match": answers[0].headers["etag"]})
    assert again.status_code == 304
    assert (await browser.get("/assets/..%2fview.py")).status_code == 404


async def test_the_language_is_the_browsers_until_somebody_chooses(browser):
    assert 'lang="zh"' in (await browser.get("/", **{"accept-language": "zh-CN,zh;q=0.9"})).text
    assert 'lang="en"' in (await browser.get("/", **{"accept-language": "xx,fr"})).text
    await browser.post("/language", {"language": "zh", "back": "/"})
    assert 'lang="zh"' in (await browser.get("/", **{"accept-language": "en"})).text


class Proxy:
    """Stands for Identity-Aware Proxy: an assertion is right where it begins with `of `."""

    async def address(self, assertion: str) -> str:
        if not assertion.startswith("of "):
            raise Unauthorized("wrong_token", "The assertion does not hold.")
        return assertion.removeprefix("of ")


@pytest.fixture
def behind_proxy(browser):
    people = parse_people('{"ann@example.com": ["manage", "send"], "@example.com": ["read"]}')
    browser.parts = replace(browser.parts, assertions=Proxy(), people=people)
    return browser


async def test_people_behind_a_proxy_may_what_the_deployment_gives_them(behind_proxy):
    ann, bo = (
        {"x-goog-iap-jwt-assertion": "of ann@example.com"},
        {"x-goog-iap-jwt-assertion": "of bo@example.com"},
    )
    assert "Create list" in (await behind_proxy.get("/lists", **ann)).text
    assert "Create list" not in (await behind_proxy.get("/lists", **bo)).text
    made = await behind_proxy.post("/lists", {"name": "made"}, {**bo, "sec-fetch-site": "same-origin"})
    assert made.status_code == 403


@pytest.mark.parametrize(
    "assertion", ["", "made up", "of eve@evil.example", "of ann@example.com.evil.example"]
)
async def test_nobody_else_comes_in_behind_a_proxy_and_no_key_does(behind_proxy, assertion):
    answer = await behind_proxy.get("/lists", **{"x-goog-iap-jwt-assertion": assertion})
    assert answer.status_code in (401, 403) and 'name="_key"' not in answer.text
    assert (await behind_proxy.sign_in()).status_code in (401, 403)
