"""What people do at the console, in a real browser against a whole stack."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.console_browser import CHROMIUM, Visitor, open_browser
from tests.running_stack import RunningStack

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs Debian's chromium")

DOMAIN = "news.console.example"
SENDER = f"Field Notes <news@{DOMAIN}>"
PICTURES = os.environ.get("WARMPOST_PICTURES", "")
"""A folder for the pictures of the README."""

PAGES = (
    "/",
    "/new",
    "/batches",
    "/batches/1",
    "/messages",
    "/schedules",
    "/simulator",
    "/templates",
    "/templates/1",
    "/lists",
    "/lists/1",
    "/domains",
    f"/domains/{DOMAIN}?preflight=1",
    "/addresses",
    "/levels",
    "/statistics",
    "/recipients?q=ann@console.example",
    "/suppressions",
    "/webhooks",
    "/keys",
    "/relays",
    "/health",
    "/audit",
    "/erase",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[RunningStack]:
    with RunningStack() as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    with open_browser() as opened:
        yield opened


@pytest.fixture
def visitor(browser, stack) -> Iterator[Visitor]:
    somebody = Visitor(browser, stack)
    somebody.sign_in()
    yield somebody
    foreign = [url for url in somebody.asked if not url.startswith((somebody.base, "blob:", "about:"))]
    somebody.context.close()
    assert not somebody.wrong and not foreign


@pytest.fixture(scope="module")
def api(stack) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {stack.api_key}"}
    with httpx.Client(base_url=stack.url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def publish(stack, name: str, value: str) -> None:
    body = {"name": name, "type": "TXT", "values": [value]}
    httpx.post(f"{stack.url}/_local/dns", json=body, trust_env=False).raise_for_status()


def test_a_domain_is_added_its_records_published_and_found(visitor, stack):
    page = visitor.page
    page.get_by_role("link", name="Domains", exact=True).click()
    page.get_by_label("Domain", exact=True).fill(DOMAIN)
    visitor.press("Add domain")
    page.get_by_role("heading", name=DOMAIN).wait_for()
    assert "0 of 4 found" in visitor.text()
    for record in page.locator("article.record").all():
        name, _, value = record.locator(".copies code").all_inner_texts()[:3]
        publish(stack, name, value)
    visitor.press("Look the records up now")
    page.get_by_text("4 of 4 found").wait_for()
    assert "verified" in page.inner_text("h1")


def test_a_file_with_wrong_rows_is_imported_and_mended(visitor, tmp_path):
    page = visitor.page
    page.get_by_role("link", name="Recipient lists", exact=True).click()
    page.get_by_label("Name").fill("readers")
    visitor.press("Create list")
    rows = [f'r{number}@console.example,"Reader {number}"' for number in range(6000)]
    rows[0] = 'ann@console.example,"Ann, of two\nlines"'
    rows[20], rows[5500] = "nobody,No", '"also wrong@",Also'
    file = tmp_path / "readers.csv"
    file.write_text("email,name\n" + "\n".join(rows) + "\n")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("5,998 added, 0 updated, 0 were there already, 2 rejected").wait_for()
    table = page.locator("[data-bad-rows]").inner_text()
    assert re.search(r"23\s+nobody\s+the address has no @", table)
    assert re.search(r"5,503\s+also wrong@", table)
    with page.expect_download() as download:
        visitor.press("Download these rows")
    mended = Path(download.value.path()).read_text()
    assert mended == 'email,name\nnobody,No\n"also wrong@",Also\n'
    file.write_text(
        mended.replace("nobody,", "bo@console.example,").replace('"also wrong@"', "al@console.example")
    )
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_text("2 added").wait_for()
    page.get_by_text("6,000 recipients").wait_for()


def test_a_template_is_written_its_error_shown_at_its_line_and_seen_as_a_reader_would(visitor):
    page = visitor.page
    page.get_by_role("link", name="Templates", exact=True).click()
    page.get_by_label("Name").fill("weekly")
    visitor.press("Create template")
    editor = page.get_by_label("HTML body")
    shown = page.frame_locator("iframe[name=preview]")
    shown.get_by_text("Dear Name,").wait_for()
    editor.fill("<h1>News</h1>\n<p>Dear {{ name }},\n{% if x %}\n</p><script>parent.broken = 1</script>")
    visitor.press("Save as version 2")
    page.get_by_role("alert").wait_for()
    assert page.locator(".gutter .wrong").inner_text() in ("3", "4")
    assert "{% if x %}" in page.get_by_label("HTML body").input_value()
    page.get_by_label("HTML body").fill(
        "<h1>News</h1>\n<p>Dear {{ name }}, <img src=https://x.example/p.png></p>"
    )
    page.get_by_label("As it would reach").select_option(label="the first recipient of readers")
    shown.get_by_text("Dear").first.wait_for()
    visitor.press("Save as version 2")
    page.get_by_text("version 2", exact=True).first.wait_for()
    assert page.evaluate("window.broken") is None


def test_a_sending_is_checked_sent_once_and_watched_to_its_end(visitor, api):
    page = visitor.page
    page.get_by_role("link", name="Recipient lists", exact=True).click()
    page.get_by_label("Name").fill("ten")
    visitor.press("Create list")
    page.get_by_text("Paste rows instead").click()
    page.get_by_label("Rows, with a header").fill(
        "email,name\n" + "\n".join(f"t{n}@ten.example,T{n}" for n in range(300))
    )
    visitor.press("Import these rows")
    page.get_by_role("link", name="Send to this list").click()
    page.get_by_role("combobox", name="Template").select_option(label="weekly: {{ name }}, a word from us")
    page.get_by_label("Name of this sending").fill("Autumn letter")
    page.get_by_label("Sender").fill(SENDER)
    visitor.press("Check it")
    page.get_by_text("When will it be out?").wait_for()
    page.get_by_role("button", name="Send to 300 recipients").dblclick()
    page.get_by_role("heading", name="Autumn letter").wait_for()
    page.get_by_role("heading", name=re.compile("Autumn letter done")).wait_for()
    assert "of 300 have left, 100 %" in visitor.text("#progress-card")
    assert len(api.get("/batch-submit").json()["items"]) == 1


def test_a_batch_paused_at_its_cap_says_why_and_is_cancelled_after_asking(visitor, api):
    api.patch(f"/manage/domains/{DOMAIN}", json={"cap": 350})
    page = visitor.go("/new?list=1&template=1")
    page.get_by_label("Name of this sending").fill("All readers")
    page.get_by_label("Sender").fill(SENDER)
    visitor.press("Check it")
    page.get_by_role("button", name="Send to 6,000 recipients").click()
    page.get_by_role("heading", name="All readers").wait_for()
    page.get_by_role("heading", name=re.compile("Today's cap is used up: 350 of 350")).wait_for()
    assert "Share of the cap sent" in visitor.text() and "goes on by itself tomorrow" in visitor.text()
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/console-batch.png")
    visitor.press("Keep paused")
    page.get_by_role("heading", name="Paused by hand").wait_for()
    visitor.press("Resume")
    page.get_by_text("It goes on.", exact=True).wait_for()
    page.get_by_text("Cancel the rest …").click()
    assert "recipients will get nothing" in visitor.text("details.ask[open]")
    visitor.press("Cancel 5,950 recipients")
    page.get_by_text("Cancelled.", exact=True).wait_for()


def test_the_simulator_plays_outcomes_one_by_one(visitor):
    page = visitor.go("/simulator")
    page.get_by_label("From").fill(f"trial@{DOMAIN}")
    visitor.press("Simulate")
    outcomes = page.locator("#outcomes-card")
    outcomes.get_by_text("No such user here (simulated)").wait_for()
    outcomes.get_by_text("Mailbox full (simulated)").wait_for()
    assert outcomes.locator("article").count() == 8


def test_a_recipient_is_found_suppressed_and_freed_again(visitor):
    page = visitor.page
    page.keyboard.press("/")
    page.keyboard.type("t7@ten.example")
    page.keyboard.press("Enter")
    page.locator("article a[href$='/batches/1']").wait_for()
    page.get_by_label("Note").fill("asked by phone")
    visitor.press("Suppress it")
    page.get_by_text("asked by phone").wait_for()
    visitor.press("Lift it")
    page.get_by_text("The address is mailed.").wait_for()


def test_a_template_that_somebody_else_has_changed_is_not_overwritten(visitor, api):
    made = api.post("/manage/templates", json={"name": "shared", "subject": "One", "text": "first"}).json()
    page = visitor.go(f"/templates/{made['id']}")
    api.patch(f"/manage/templates/{made['id']}", json={"subject": "Two"})
    page.get_by_label("Subject").fill("Mine")
    visitor.press("Save as version 2")
    page.get_by_text("The template is at version 2 by now").first.wait_for()
    assert page.get_by_label("Subject").input_value() == "Mine"
    page = visitor.go(f"/templates/{made['id']}?version=1")
    visitor.press("Go back to version 1")
    page.get_by_role("heading", name="shared version 3").wait_for()
    assert page.get_by_label("Subject").input_value() == "One"


def test_a_person_is_erased_and_the_page_says_what_was_done(visitor, api):
    api.post("/manage/lists", json={"name": "to forget"})
    rows = {"recipients": [{"to": "forget@ten.example"}, {"to": "keep@ten.example"}]}
    api.post("/manage/lists/to forget/recipients", json=rows)
    page = visitor.go("/erase")
    page.get_by_label("Address", exact=True).fill("forget@ten.example")
    page.get_by_label("The same address again").fill("forgot@ten.example")
    visitor.press("Erase this person")
    page.get_by_text("Type the address a second time.").first.wait_for()
    page.get_by_label("The same address again").fill("forget@ten.example")
    visitor.press("Erase this person")
    for _ in range(50):
        if "done" in visitor.text().split():
            break
        page.get_by_text("Look again").click()
        page.wait_for_timeout(200)
    assert '"lists":1' in visitor.text().replace(" ", "")
    assert api.get("/manage/lists/to forget").json()["count"] == 1


def test_a_recurring_sending_is_scheduled_paused_and_ended(visitor):
    page = visitor.go("/new?list=2&template=1&when=again")
    page.get_by_label("Sender").fill(SENDER)
    page.get_by_label("Name of this sending").fill("Weekly")
    page.get_by_label("Begins at").fill("2030-01-07T09:00")
    page.get_by_label("Time zone").fill("Europe/Berlin")
    page.get_by_label("Repeats").select_option(label="every week")
    visitor.press("Check it")
    page.get_by_role("button", name="Schedule for 300 recipients").click()
    page.get_by_role("heading", name="Weekly active").wait_for()
    assert "2030-01-07 08:00:00 UTC" in visitor.text()
    visitor.press("Pause")
    page.get_by_role("heading", name="Weekly paused").wait_for()
    page.get_by_text("End it …").click()
    visitor.press("End Weekly")
    page.get_by_role("heading", name="Weekly ended").wait_for()


def test_a_new_key_is_shown_once_and_one_that_only_reads_sees_no_buttons(visitor, browser, stack):
    page = visitor.go("/keys")
    page.get_by_label("Name", exact=True).fill("looker")
    page.get_by_role("checkbox", name="read looks").check()
    visitor.press("Create key")
    key = page.locator(".secret code").inner_text()
    page.reload()
    assert key not in visitor.text() or page.url.endswith("/keys")
    looker = Visitor(browser, stack)
    looker.sign_in(key)
    assert looker.page.get_by_role("link", name="New sending").count() == 0
    assert looker.go("/lists").get_by_role("button", name="Create list").count() == 0
    looker.context.close()


def test_what_was_typed_outlives_a_session_that_ends_meanwhile(visitor):
    page = visitor.go("/templates")
    page.get_by_label("Name").fill("written for long")
    visitor.context.clear_cookies()
    visitor.press("Create template")
    page.get_by_text("what you typed is kept").wait_for()
    page.get_by_label("API key").fill(visitor.key)
    visitor.press("Sign in")
    page.get_by_role("heading", name="written for long").wait_for()


def test_a_link_that_signs_in_shows_its_key_to_nobody(browser, stack):
    somebody = Visitor(browser, stack)
    page = somebody.go(f"/sign-in#key={stack.api_key}")
    page.get_by_role("heading", name="Overview").wait_for()
    assert not [url for url in somebody.asked if "key=" in url.partition("#")[0]]
    somebody.context.close()


def test_all_of_it_works_without_script(browser, stack):
    somebody = Visitor(browser, stack, java_script_enabled=False)
    somebody.sign_in()
    page = somebody.go("/lists")
    page.get_by_label("Name").fill("without script")
    somebody.press("Create list")
    page.get_by_text("Paste rows instead").click()
    page.get_by_label("Rows, with a header").fill("ann@console.example\nnobody\nbo@console.example")
    somebody.press("Import these rows")
    page.get_by_text("2 added").wait_for()
    somebody.go("/templates/1")
    somebody.press("Show the preview")
    page.frame_locator("iframe[name=preview]").get_by_text("News").wait_for()
    assert "Progress" in somebody.go("/batches/1").inner_text("main")
    somebody.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_everybody_can_read_and_use_each_page(visitor, theme):
    visitor.page.emulate_media(color_scheme=theme)
    found = {}
    for path in PAGES if theme == "light" else PAGES[::3]:  # of the dark, every kind of colour
        visitor.go(path)
        if path == "/":
            visitor.page.get_by_text("Looking at queues").wait_for(state="detached")
            if PICTURES:
                visitor.page.screenshot(path=f"{PICTURES}/console{'' if theme == 'light' else '-dark'}.png")
        if flaws := visitor.flaws([] if theme == "light" else ["color-contrast"]):
            found[path] = flaws
    assert found == {}


def test_no_page_is_wider_than_a_phone(visitor):
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    wide = {}
    for path in PAGES:
        width = visitor.go(path).evaluate("document.documentElement.scrollWidth")
        if width > 391:
            wide[path] = width
    assert wide == {}


def test_the_menu_is_reached_and_used_by_keyboard_alone(visitor):
    page = visitor.go("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent.trim()") == "Recipient lists":
            break
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Recipient lists", exact=True).wait_for()


def test_a_page_is_light(visitor):
    sizes: list[int] = []
    visitor.page.on(
        "response", lambda response: sizes.append(int(response.headers.get("content-length", "0")))
    )
    visitor.go("/")
    assert sum(sizes) < 200_000


def reads(api) -> int:
    """Documents that Firestore gave so far."""
    counted: int = api.get("/_local/operations").json()["firestore"]["reads"]
    return counted


@pytest.mark.parametrize(
    "path", ["/", "/batches", "/batches/2", "/lists/1", "/domains", "/new", "/statistics"]
)
def test_a_page_costs_few_reads_however_long_its_lists_are(stack, api, path):
    form = {"_key": stack.api_key, "_next": "/"}
    answer = httpx.post(f"{stack.url}/console/sign-in", data=form, trust_env=False)
    cookie = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    before = reads(api)
    shown = httpx.get(f"{stack.url}/console{path}", headers=cookie, timeout=30, trust_env=False)
    assert shown.status_code == 200
    assert reads(api) - before <= 45


def test_progress_costs_what_the_api_costs(stack, api):
    answer = httpx.post(f"{stack.url}/console/sign-in", data={"_key": stack.api_key}, trust_env=False)
    cookie = {"cookie": answer.headers["set-cookie"].partition(";")[0]}
    spent = []
    for url, headers in (("/batch-submit/2", {}), ("/console/batches/2/progress", cookie)):
        before = reads(api)
        api.get(url, headers=headers)
        spent.append(reads(api) - before)
    assert spent[1] <= spent[0] + 1  # the key of the session
