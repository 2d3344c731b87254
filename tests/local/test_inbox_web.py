"""The inbox's page and its JSON: what can be found, and what hostile mail cannot do."""

import asyncio
import html.parser
import re

import aiohttp
import pytest_asyncio

from tests.local.running_inbox import build_message, running_inbox

HOSTILE = (
    "<script>parent.location='https://evil.example'</script>"
    "<meta http-equiv=refresh content='0;url=https://evil.example'>"
    "<img src='https://evil.example/pixel.gif' onerror=alert(1)>"
    "<form action=https://evil.example><button>go</button></form><b>hostile</b>\r\n"
)


@pytest_asyncio.fixture(scope="module")
async def inbox(tmp_path_factory):
    async with running_inbox(tmp_path_factory.mktemp("inbox")) as running:
        yield running


async def test_search_finds_recipients_and_subjects_in_any_script(inbox):
    await inbox.deliver("Wang@search.example", build_message("=?utf-8?b?5Lmm5Y2V?= October"))
    await inbox.deliver("layla@search.example", build_message("قائمة القراءة"))
    await inbox.deliver("xlayla@search.example", build_message("other"))

    async def found(query):
        return [line["to"] for line in (await inbox.json(f"/api/messages?{query}"))["messages"]]

    assert await found("q=书单") == ["Wang@search.example"]
    assert await found("q=october+wang@search") == ["Wang@search.example"]
    assert await found("q=القراءة") == ["layla@search.example"]
    assert await found("to=LAYLA@search.example") == ["layla@search.example"]
    assert await found("to=layla") == ["xlayla@search.example", "layla@search.example"]
    assert len(await found("to=@search.example")) == 3
    assert (await inbox.json("/api/count?to=@search.example"))["count"] == 3
    listed = (await inbox.get("/list?q=书单"))[2].decode()
    assert "Wang@search.example" in listed and "layla" not in listed


async def test_pages_follow_each_other_without_gaps(inbox):
    ids = [await inbox.deliver("reader@pages.example", build_message(f"n{n}")) for n in range(7)]
    seen, cursor = [], ""
    while cursor is not None:
        page = await inbox.json(f"/api/messages?to=reader@pages.example&limit=3&cursor={cursor}")
        assert page["total"] == 7
        seen += [line["id"] for line in page["messages"]]
        cursor = page["next_cursor"]
    assert seen == ids[::-1]


async def test_the_json_of_a_message_is_complete(inbox):
    message = (
        b"From: News <hello@news.example>\r\nSubject: parts\r\nDate: Mon, 23 Nov 2026 18:00:00 +0200\r\n"
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n"
        b"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename*=utf-8''%E4%B9%A6.csv\r\n\r\na;b\r\n"
        b"--b--\r\n"
    )
    id = await inbox.deliver("json@example.com", message)
    found = await inbox.json(f"/api/messages/{id}")
    assert (found["to"], found["from"], found["subject"]) == (
        "json@example.com",
        "News <hello@news.example>",
        "parts",
    )
    assert (found["date"], found["size"], found["text"]) == ("2026-11-23T16:00:00Z", len(message), None)
    assert found["html"] == "<p>hi</p>"
    assert found["headers"][0] == {"name": "From", "value": "News <hello@news.example>"}
    (part,) = found["attachments"]
    assert (part["filename"], part["content_type"], part["size"]) == ("书.csv", "text/csv", 3)
    status, headers, body = await inbox.get(part["url"])
    assert (status, body) == (200, b"a;b")
    assert headers["Content-Disposition"] == "attachment; filename*=UTF-8''%E4%B9%A6.csv"


async def test_hostile_html_stays_in_the_sandbox(inbox):
    message = build_message("x", HOSTILE, **{"Content-Type": "text/html"})
    id = await inbox.deliver("hostile@example.com", message)
    page = (await inbox.get(f"/messages/{id}"))[2].decode()
    assert "evil.example" not in page
    (frame,) = re.findall(r"<iframe[^>]*>", page)
    assert f'src="/messages/{id}/html"' in frame
    (sandbox,) = re.findall(r'sandbox="([^"]*)"', frame)
    assert not {"allow-scripts", "allow-same-origin", "allow-forms", "allow-top-navigation"} & set(
        sandbox.split()
    )

    status, headers, body = await inbox.get(f"/messages/{id}/html")
    policy = _policy(headers)
    assert status == 200 and b"hostile" in body
    assert (policy["default-src"], policy["img-src"], policy["form-action"]) == ("'none'", "data:", "'none'")
    assert "script-src" not in policy and "allow-scripts" not in policy["sandbox"]
    assert "allow-same-origin" not in policy["sandbox"]


async def test_remote_images_load_only_when_the_reader_asks(inbox):
    id = await inbox.deliver(
        "pixel@example.com", build_message("x", HOSTILE, **{"Content-Type": "text/html"})
    )
    policy = _policy((await inbox.get(f"/messages/{id}/html?images=1"))[1])
    assert policy["img-src"] == "data: http: https:"
    assert policy["default-src"] == "'none'" and "sandbox" in policy
    assert "Load remote images" in (await inbox.get(f"/messages/{id}"))[2].decode()


async def test_nothing_a_message_says_becomes_markup_of_the_page(inbox):
    nasty = "\"><script>alert(1)</script><img src=x onerror=alert(1)>'"
    message = build_message(nasty, nasty + "\r\n", From=nasty, To=nasty, **{f"X-{'y' * 8}": nasty})
    id = await inbox.deliver("nasty@example.com", message)
    allowed = re.compile(r"^/(assets|messages|api)/|^/\?|^/$|^#message$")
    for path in [f"/messages/{id}?view={view}" for view in ("text", "headers", "source")] + [
        f"/?q={nasty}",
        "/list",
    ]:
        tags = _Tags()
        tags.feed((await inbox.get(path))[2].decode())
        assert all(src == "/assets/inbox.js" for name, src in tags.scripts)
        assert not [name for name in tags.attributes if name.startswith("on")]
        assert all(allowed.match(address) for address in tags.addresses), tags.addresses


async def test_attachments_can_only_be_downloaded(inbox):
    message = (
        b'Content-Type: text/html; name="../../e\\"vil\\r\\nX: y.html"\r\n'
        b'Content-Disposition: attachment; filename="../../evil\r\n \x01.html"\r\n\r\n<script>alert(1)</script>\r\n'
    )
    id = await inbox.deliver("attachment@example.com", message)
    status, headers, body = await inbox.get(f"/messages/{id}/attachments/0")
    assert (status, body) == (200, b"<script>alert(1)</script>\r\n")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''.._.._evil")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]
    assert (await inbox.get(f"/messages/{id}/attachments/1"))[0] == 404


async def test_the_page_allows_nothing_inline_and_nothing_from_elsewhere(inbox):
    for path in ("/", "/list", "/assets/inbox.js", "/api/messages", "/nowhere"):
        _, headers, _ = await inbox.get(path)
        policy = _policy(headers)
        assert policy["default-src"] == "'none'" and policy["frame-ancestors"] == "'none'"
        assert not re.search("unsafe|http|\\*", headers["Content-Security-Policy"])
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


async def test_the_source_is_plain_text_whatever_it_contains(inbox):
    id = await inbox.deliver("source@example.com", build_message("x", "<script>alert(1)</script>\r\n"))
    _, headers, body = await inbox.get(f"/api/messages/{id}/source")
    assert headers["Content-Type"].startswith("text/plain")
    assert body == build_message("x", "<script>alert(1)</script>\r\n")


async def test_ids_are_never_paths(inbox):
    for id in ("..%2F..%2Fetc%2Fpasswd", "..", "new", "%00", "x" * 300):
        status, _, _ = await inbox.get(f"/api/messages/{id}/source")
        assert status == 404
    assert (await inbox.json("/api/messages/absent", status=404))["error"]["code"] == "message_not_found"
    assert (await inbox.get("/messages/absent"))[0] == 404
    assert (await inbox.get("/assets/..%2Fweb.py"))[0] == 404


async def test_the_list_is_sent_again_only_when_something_came(inbox):
    await inbox.deliver("live@example.com", build_message("live"))
    _, headers, _ = await inbox.get("/list")
    assert (await inbox.get("/list", **{"If-None-Match": headers["ETag"]}))[0] == 304
    await inbox.deliver("live@example.com", build_message("livelier"))
    status, _, body = await inbox.get("/list", **{"If-None-Match": headers["ETag"]})
    assert status == 200 and b"livelier" in body


async def test_bad_limits_are_refused(inbox):
    for limit in ("0", "501", "many", "-1"):
        found = await inbox.json(f"/api/messages?limit={limit}", status=400)
        assert found["error"]["field"] == "limit"


async def test_what_others_do_to_the_maildir_is_seen(tmp_path):
    async with running_inbox(tmp_path) as inbox:
        id = await inbox.deliver("moved@example.com", build_message("moved"))
        (inbox.maildir / "new" / id).rename(inbox.maildir / "cur" / f"{id}:2,S")
        (inbox.maildir / "new" / "1000.foreign").write_bytes(build_message("foreign"))
        async with asyncio.timeout(10):
            while (await inbox.json("/api/count"))["count"] != 2:
                await asyncio.sleep(0.01)
        lines = (await inbox.json("/api/messages"))["messages"]
        assert [(line["subject"], line["to"]) for line in lines] == [
            ("moved", "moved@example.com"),
            ("foreign", "reader@example.com"),
        ]
        assert (await inbox.get(f"/api/messages/{id}/source"))[2] == build_message("moved")


async def test_clearing_removes_everything_and_mail_goes_on(tmp_path):
    async with running_inbox(tmp_path) as inbox:
        for number in range(3):
            await inbox.deliver(f"r{number}@example.com", build_message("x"))
        assert await inbox.json("/api/messages", method="DELETE") == {"deleted": 3}
        assert await inbox.json("/api/count") == {"count": 0}
        assert not list((inbox.maildir / "new").iterdir())
        await inbox.deliver("after@example.com", build_message("x"))
        assert await inbox.json("/api/count") == {"count": 1}


async def test_messages_of_an_earlier_run_are_still_there(tmp_path):
    async with running_inbox(tmp_path) as inbox:
        id = await inbox.deliver("earlier@example.com", build_message("earlier"))
    async with running_inbox(tmp_path) as inbox:
        assert (await inbox.only("earlier@example.com"))["id"] == id


async def test_other_sites_cannot_clear_the_inbox(inbox):
    async with aiohttp.request(
        "OPTIONS",
        inbox.url + "/api/messages",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "DELETE"},
    ) as response:
        assert response.status == 405
        assert "Access-Control-Allow-Origin" not in response.headers


def _policy(headers) -> dict[str, str]:
    directives = (
        directive.strip().partition(" ") for directive in headers["Content-Security-Policy"].split(";")
    )
    return {name: value for name, _, value in directives}


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[tuple[str, str]] = []
        self.attributes: set[str] = set()
        self.addresses: set[str] = set()

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.attributes |= set(given)
        self.addresses |= {given[name] for name in ("href", "src", "action") if name in given}
        if tag == "script":
            self.scripts.append((tag, given.get("src", "")))
