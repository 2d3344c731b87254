"""Whatever is wrong with a request: the contract's error that names what, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e import checks
from tests.e2e.bad_requests import (
    BATCH,
    FROM,
    LINE_BREAKS,
    MESSAGE,
    REFUSED,
    TEMPLATE,
    attached,
    batch,
    encoded_word,
    send,
    template,
)
from tests.e2e.checks import ok
from tests.problems import problem
from tests.running_stack import RunningStack


@pytest.fixture(scope="module")
def stack():
    """One where no other test has left work behind that goes on by itself."""
    with RunningStack() as running:
        yield running


@pytest.fixture(scope="module")
async def client(stack):
    """Of a stack with a verified domain, one that is not, and something to refer to; nothing is under way in it."""
    async with stack.open_client() as client:
        await checks.make_sender(client, "bad-input.example")
        await ok(client.post("/manage/domains", json={"domain": "unverified.example"}))
        template = {"name": "fine", "subject": "Dear {{ name }}", "html": "<p>{{ name }}</p>"}
        await ok(client.post("/manage/templates", json=template))
        await ok(client.post("/manage/lists", json={"name": "empty"}))
        await checks.make_list(client, "nameless", b"email\na@nobody.test\n")
        yield client


@pytest.fixture(scope="module")
def seen():
    """What the test before found, so that each needs to look once only."""
    return []


@pytest.fixture
async def nothing_left_behind(stack, client, seen):
    """The same documents, tasks and mails after the test as before it. Tests that leave something come last."""

    async def held() -> tuple[set[str], int, int]:
        tasks = (await ok(client.get("/_local/operations")))["tasks"]["created"]
        mails = (await ok(client.get(f"{stack.info['inbox_url']}/api/count")))["count"]
        return checks.documents(stack), tasks, mails

    before = seen.pop() if seen else await held()
    yield
    seen.append(await held())
    assert seen[-1] == before


@pytest.mark.parametrize(("asked", "status", "code", "field"), REFUSED)
async def test_what_cannot_be_sent_is_refused(client, nothing_left_behind, asked, status, code, field):
    path, body = asked
    assert problem(await client.post(path, json=body)) == (status, code, field)


INJECTED: list[tuple[str, Callable[[str], tuple[str, Any]]]] = [
    ("from", lambda bad: send(**{"from": f"{FROM}{bad}"})),
    ("from's name", lambda bad: send(**{"from": f"A{bad} <{FROM}>"})),
    ("to", lambda bad: send(to=[f"a@nobody.test{bad}"])),
    ("to's name", lambda bad: send(to=[f'"A{bad}" <a@nobody.test>'])),
    ("cc", lambda bad: send(cc=[f"a@nobody.test{bad}"])),
    ("bcc", lambda bad: send(bcc=[f"a{bad}@nobody.test"])),
    ("reply_to", lambda bad: send(reply_to=f"a@nobody.test{bad}")),
    ("subject", lambda bad: send(subject=f"s{bad}")),
    ("header value", lambda bad: send(headers={"X-A": f"a{bad}"})),
    ("header name", lambda bad: send(headers={f"X-A{bad}": "a"})),
    ("tag", lambda bad: send(tags={"a": f"b{bad}"})),
    ("filename", lambda bad: attached(filename=f"a{bad}.txt")),
    ("content type", lambda bad: attached(content_type=f"text/plain{bad}")),
    ("batch's from", lambda bad: batch(**{"from": f"A{bad} <{FROM}>"})),
    ("batch's reply_to", lambda bad: batch(reply_to=[f"a@nobody.test{bad}"])),
    ("batch's subject", lambda bad: batch(subject=f"s{bad}")),
    ("batch's header", lambda bad: batch(headers={"X-A": f"a{bad}"})),
    ("batch's name", lambda bad: batch(name=f"a{bad}")),
    ("encoded name", lambda bad: send(to=[f"{encoded_word(bad)} <a@nobody.test>"])),
    (
        "display name",
        lambda bad: ("/manage/addresses", {"address": "n@bad-input.example", "name": f"A{bad}"}),
    ),
    ("template's name", lambda bad: template(name=f"a{bad}")),
    ("template's subject", lambda bad: template(subject=f"a{bad}")),
    ("list's name", lambda bad: ("/manage/lists", {"name": f"a{bad}"})),
    ("domain", lambda bad: ("/manage/domains", {"domain": f"fine.example{bad}"})),
]


@pytest.mark.parametrize(("where", "asked"), INJECTED, ids=[where for where, _ in INJECTED])
async def test_line_breaks_and_controls_get_into_no_header(client, nothing_left_behind, where, asked):
    for bad in LINE_BREAKS:
        path, body = asked(bad)
        answer = await client.post(path, json=body)
        status, _, field = problem(answer)
        assert (status, field is not None) == (422, True), (bad, answer.text)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"{", 400, "invalid_json"),
        (b'{"from": "a@b.example",}', 400, "invalid_json"),
        (b"\xff\xfe\x00", 400, "invalid_json"),
        (b'{"from": "\\ud800"}', 400, "invalid_json"),
        (json.dumps(MESSAGE).encode("utf-16"), 400, "invalid_json"),
        (b"[]", 422, "invalid_field"),
        (b"null", 422, "invalid_field"),
        (b"7" * 10_000, 422, "invalid_field"),
        (b'{"from": ' + b"[" * 50_000, 422, "invalid_field"),
        (b'{"data": {"a": ' + b"[" * 50_000, 400, "invalid_json"),
        (b" " * 33_600_000, 413, "request_too_large"),
    ],
    ids=lambda value: repr(value[:20]) if isinstance(value, bytes) else value,
)
@pytest.mark.parametrize("path", ["/send", "/batch-submit"])
async def test_body_that_is_no_json_object_is_refused(
    client, nothing_left_behind, path, content, status, code
):
    found = problem(await client.post(path, content=content))
    assert found[:2] == (status, code)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"email,name\na@nobody.test,J\xb3rgen\n", "text/csv", "invalid_csv"),
        (b"PK\x03\x04\x14\0\x06\0" + bytes(60), "text/csv", "invalid_csv"),
        (b"email,name\na@nobody.test,Ann\n", "text/csv; charset=ebcdic", "invalid_csv"),
        (b"name,city\nAnn,Rome\n", "text/csv", "invalid_csv"),
        (b"email,email\na@nobody.test,b@nobody.test\n", "text/csv", "invalid_csv"),
        (b"", "text/csv", "invalid_csv"),
        (b"email,name\na@nobody.test,Ann\n", "application/json", "invalid_json"),
        (b"\0\0\0\0", "application/octet-stream", "invalid_csv"),
    ],
)
async def test_csv_that_cannot_be_read_leaves_the_list_as_it_was(
    client, nothing_left_behind, content, kind, code
):
    path = "/manage/lists/nameless/recipients"
    answer = await client.post(path, content=content, headers={"Content-Type": kind})
    assert problem(answer)[1] == code
    assert answer.status_code in (400, 422)
    assert (await ok(client.get("/manage/lists/nameless")))["count"] == 1


@pytest.mark.parametrize("path", ["/work/deliver", "/work/plan", "/work/release", "/daily"])
@pytest.mark.parametrize("header", [None, "Bearer {key}", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30."])
async def test_nobody_but_the_queue_may_ask_for_work(client, stack, nothing_left_behind, path, header):
    headers = {"Authorization": (header or "").format(key=stack.api_key)}
    answer = await client.post(path, json={"batch": "1"}, headers=headers)
    assert answer.status_code == 401
    assert problem(answer)[0] == 401


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/", 200, None),
        ("GET", "/nothing", 404, "not_found"),
        ("DELETE", "/send", 405, "method_not_allowed"),
        ("PUT", "/send", 405, "method_not_allowed"),
        ("PUT", "/send/abc", 405, "method_not_allowed"),
        ("DELETE", "/send/abc", 404, "message_not_found"),
        ("GET", "/send/abc", 404, "message_not_found"),
        ("GET", "/send/%00", 404, "message_not_found"),
        ("GET", "/send/a/b/c", 404, "not_found"),
        ("GET", "/batch-submit/1e9", 404, "batch_not_found"),
        ("GET", "/batch-submit/-1", 404, "batch_not_found"),
        ("GET", "/batch-submit/99999999999999999999", 404, "batch_not_found"),
        ("GET", "/batch-submit/99999/recipients", 404, "batch_not_found"),
        ("POST", "/batch-submit/99999/pause", 404, "batch_not_found"),
        ("POST", "/batch-submit/99999/explode", 404, "not_found"),
        ("PATCH", "/batch-submit/1", 405, "method_not_allowed"),
        ("GET", "/manage/nothing", 404, "not_found"),
        ("GET", "/manage/domains/nothing.example", 404, "domain_not_found"),
        ("GET", "/manage/domains/..", 404, None),
        ("GET", "/manage/templates/nothing", 404, "template_not_found"),
        ("GET", "/manage/lists/nothing", 404, "list_not_found"),
        ("DELETE", "/manage/lists/nothing", 404, "list_not_found"),
        ("GET", "/manage/recipients/nobody", 422, None),
    ],
)
async def test_unknown_paths_and_methods_are_told_so(client, nothing_left_behind, method, path, status, code):
    answer = await client.request(method, path)
    assert answer.status_code == status, answer.text
    if code:
        assert problem(answer)[1] == code


@pytest.mark.parametrize("key", ["x" * 256, "a\tb", "é"])
async def test_unusable_idempotency_key_is_refused(client, nothing_left_behind, key):
    answer = await client.post("/send", json=MESSAGE, headers={"Idempotency-Key": key.encode()})
    assert problem(answer) == (422, "invalid_idempotency_key", "Idempotency-Key")


async def test_address_with_a_line_break_in_a_list_is_set_aside(client):
    made = await ok(client.post("/manage/lists", json={"name": "broken"}))
    path = f"/manage/lists/{made['id']}/recipients"
    content = b'email,name\n"a@nobody.test\nBcc: b@nobody.test",A\n'
    answer = await ok(client.post(path, content=content, headers={"Content-Type": "text/csv"}))
    assert (answer["added"], len(answer["rejected"])) == (0, 1)
    await client.delete(f"/manage/lists/{made['id']}")


async def test_key_that_is_missing_wrong_revoked_or_of_another_scope_opens_nothing(client, stack):
    made = {
        scope: await ok(client.post("/manage/keys", json={"name": scope, "scopes": [scope]}))
        for scope in ("send", "manage", "read")
    }
    revoked = await ok(
        client.post("/manage/keys", json={"name": "old", "scopes": ["send", "manage", "read"]})
    )
    seen = await client.get("/send/abc", headers={"Authorization": f"Bearer {revoked['key']}"})
    assert problem(seen)[1] == "message_not_found"
    assert (await client.delete(f"/manage/keys/{revoked['id']}")).status_code == 204
    keys = {
        "": "missing_key",
        "Bearer": "missing_key",
        "Bearer nonsense": "wrong_key",
        "Basic YTpi": "missing_key",
        f"Bearer {stack.api_key[:-1]}": "wrong_key",
        f"Bearer {stack.api_key}x": "wrong_key",
        f"Bearer {made['send']['key'][:-1]}": "wrong_key",
        f"Bearer {revoked['key']}": "wrong_key",
        "Bearer wp__": "wrong_key",
        "Bearer wp_../keys_x": "wrong_key",
    }
    before = checks.documents(stack)
    for header, code in keys.items():
        for method, path in (("POST", "/send"), ("POST", "/batch-submit"), ("GET", "/manage/domains")):
            answer = await client.request(method, path, json=MESSAGE, headers={"Authorization": header})
            assert problem(answer)[:2] == (401, code), header
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    wrong_scopes = [
        ("read", "POST", "/send", MESSAGE),
        ("manage", "POST", "/send", MESSAGE),
        ("read", "POST", "/batch-submit", BATCH),
        ("send", "GET", "/send/abc", None),
        ("send", "GET", "/manage/domains", None),
        ("read", "POST", "/manage/templates", TEMPLATE),
        ("send", "POST", "/manage/keys", {"name": "more", "scopes": ["manage"]}),
        ("read", "GET", "/manage/keys", None),
    ]
    for scope, method, path, body in wrong_scopes:
        bearer = {"Authorization": f"Bearer {made[scope]['key']}"}
        answer = await client.request(method, path, json=body, headers=bearer)
        assert problem(answer)[:2] == (403, "missing_scope"), (scope, method, path)
    assert checks.documents(stack) == before


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/manage/domains",
            "/manage/addresses",
            "/manage/templates",
            "/manage/lists",
            "/manage/suppressions",
        ),
        *("/manage/webhooks", "/manage/pools", "/manage/keys", "/manage/lists/nameless/recipients"),
        *("/manage/domains/bad-input.example/history", "/batch-submit/{batch}/recipients"),
    ],
)
async def test_pages_that_cannot_be_are_refused(client, path):
    if "{batch}" in path:
        path = path.format(batch=(await ok(client.post("/batch-submit", json=BATCH)))["id"])
    for limit in ("0", "-1", "1001", "99999999999999999999", "1.5", "x", "", "١", "²"):
        answer = await client.get(path, params={"limit": limit})
        assert problem(answer) == (422, "invalid_limit", "limit"), limit
    for cursor in ("../x", "a/b", "\x00/", "x" * 2000):
        answer = await client.get(path, params={"cursor": cursor})
        assert problem(answer) == (422, "invalid_cursor", "cursor"), cursor
    assert problem(await client.get(path, params={"page": "2"})) == (422, "unknown_field", "page")
