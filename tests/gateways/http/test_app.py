"""The frame of every answer: one form of error, bodies within their limit, paths to whoever answers them."""

import json
from datetime import datetime

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Mount

from tests.problems import problem
from warmpost import errors
from warmpost.gateways.api.models import BatchModel, SendModel, batch_order, send_order
from warmpost.gateways.http.app import STATUS, Route, Router, answer, deadline, json_response, segments
from warmpost.gateways.http.bodies import decode, read_body


async def ask(handle, method="GET", path="/", **request):
    """What a client gets when this handles its request, under a function's own name."""

    async def door(scope, receive, send):
        response = await answer(Request(scope, receive), handle)
        await response(scope, receive, send)

    transport = httpx.ASGITransport(Starlette(routes=[Mount("/send", app=door)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, f"/send{path}", **request)


def raising(error):
    async def handle(request):
        raise error

    return handle


class TestErrors:
    @pytest.mark.parametrize("kind", STATUS)
    async def test_each_kind_has_its_status_and_all_the_same_form(self, kind):
        said = ("some_code", "A sentence.", "to[0]")
        response = await ask(raising(kind(*said)))
        field = None if kind is errors.NotAllowed else "to[0]"
        assert problem(response) == (STATUS[kind], "some_code", field)

    def test_no_kind_is_without_a_status(self):
        assert set(STATUS) == set(errors.Problem.__subclasses__())

    async def test_when_to_come_again_is_said(self):
        response = await ask(raising(errors.LimitReached("cap", "Later.", retry_after=60)))
        assert response.headers["Retry-After"] == "60"
        assert "Retry-After" not in (await ask(raising(errors.Invalid("a", "b")))).headers

    async def test_how_to_identify_oneself_is_said(self):
        response = await ask(raising(errors.Unauthorized("missing_key", "Send a key.")))
        assert response.headers["WWW-Authenticate"] == "Bearer"

    async def test_what_changed_meanwhile_is_a_conflict(self):
        assert problem(await ask(raising(errors.Moved("x"))))[:2] == (409, "changed_meanwhile")

    async def test_a_fault_of_ours_tells_nothing_of_itself(self, caplog):
        response = await ask(raising(RuntimeError("the secret is swordfish")))
        assert problem(response) == (500, "internal", None)
        assert "swordfish" not in response.text
        assert response.headers["X-Request-Id"] in caplog.text

    async def test_a_good_answer_has_a_request_id_too(self):
        async def handle(request):
            return json_response({"a": 1}, 202, {"Location": "/x"})

        response = await ask(handle)
        assert (response.status_code, response.json()) == (202, {"a": 1})
        assert response.headers["X-Request-Id"] and response.headers["Location"] == "/x"


class TestBodies:
    @staticmethod
    async def size_of(request):
        return json_response(len(await read_body(request, 1000)))

    async def test_up_to_the_limit_a_body_is_read(self):
        assert (await ask(self.size_of, "POST", content=b"x" * 1000)).json() == 1000
        assert (await ask(self.size_of, "POST")).json() == 0

    async def test_beyond_it_is_refused_whether_the_length_was_said_or_not(self):
        async def pieces():
            for _ in range(11):
                yield b"x" * 100

        for content in (b"x" * 1001, pieces()):
            response = await ask(self.size_of, "POST", content=content)
            assert problem(response)[:2] == (413, "request_too_large")

    @pytest.mark.parametrize("length", ["x", "-1", "\xb2", "1e3", ""])
    async def test_a_length_that_is_none_is_not_believed(self, length):
        headers = [(b"content-length", length.encode("latin-1"))]
        scope = {"type": "http", "method": "POST", "path": "/", "headers": headers}

        async def receive():
            return {"type": "http.request", "body": b"abc", "more_body": False}

        assert await read_body(Request(scope, receive), 1000) == b"abc"


class TestDecoding:
    def refused(self, body, kind=SendModel):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with pytest.raises(errors.Problem) as refused:
            decode(raw, kind)
        return type(refused.value), refused.value.code, refused.value.field

    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"{'a': 1}", b"\xff", b'{"from": "\xc3("}', b'{"from": "\\ud800"}', b'{"to": [NaN]}'],
    )
    def test_what_is_no_json(self, body):
        assert self.refused(body) == (errors.Malformed, "invalid_json", None)

    def test_what_is_nested_too_deeply(self):
        body = b'{"data": {"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
        assert self.refused(body)[:2] == (errors.Malformed, "invalid_json")

    @pytest.mark.parametrize(
        ("body", "code", "field"),
        [
            ({"from": "a", "to": [], "sbject": "x"}, "unknown_field", "sbject"),
            ({"to": []}, "missing_field", "from"),
            ({"from": "a", "to": ["a", 5]}, "invalid_field", "to[1]"),
            ({"from": "a", "to": "a"}, "invalid_field", "to"),
            ({"from": "a", "to": [], "headers": {"X": 1}}, "invalid_field", "headers{}"),
            ({"from": "a", "to": [], "on_uncertain": "guess"}, "invalid_field", "on_uncertain"),
            ({"from": "x" * 2001, "to": []}, "invalid_field", "from"),
            (
                {"from": "a", "to": [], "attachments": [{"filename": "a", "content": "", "x": 1}]},
                "unknown_field",
                "attachments[0].x",
            ),
            (
                {"from": "a", "to": [], "attachments": [{"content": ""}]},
                "missing_field",
                "attachments[0].filename",
            ),
            ([], "invalid_field", None),
        ],
    )
    def test_what_does_not_fit_is_named_by_its_path(self, body, code, field):
        assert self.refused(body) == (errors.Invalid, code, field)

    def test_a_wrong_recipient_of_a_batch_is_named_by_its_place(self):
        body = {"from": "a", "template": 1, "recipients": [{"to": "a"}, {"to": 1}]}
        assert self.refused(body, BatchModel)[2] == "recipients[1].to"
        body = {"from": "a", "template": 1, "recipients": [{"to": "a"}, {"too": "a"}]}
        assert self.refused(body, BatchModel)[1:] == ("unknown_field", "recipients[1].too")


class TestOrders:
    def order(self, **fields):
        body = {"from": "a@b.de", "to": ["c@d.de"]} | fields
        return send_order(decode(json.dumps(body).encode(), SendModel))

    def test_one_reply_address_may_stand_alone(self):
        assert self.order(reply_to="x@y.de").reply_to == ("x@y.de",)
        assert self.order(reply_to=["x@y.de", "z@y.de"]).reply_to == ("x@y.de", "z@y.de")

    def test_a_template_is_named_by_number_or_word(self):
        assert self.order(template=7).template == "7"
        assert self.order(template="welcome").template == "welcome"

    def test_attachments_are_decoded_line_breaks_and_all(self):
        (file,) = self.order(attachments=[{"filename": "a.txt", "content": "aGVs\r\nbG8=\n"}]).attachments
        assert (file.filename, file.content) == ("a.txt", b"hello")

    @pytest.mark.parametrize("content", ["a", "!!!!", "aGVsbG8", "aGVs-G8=", "äöü="])
    def test_broken_base64_is_named_by_its_place(self, content):
        files = [{"filename": "a", "content": ""}, {"filename": "b", "content": content}]
        with pytest.raises(errors.Invalid) as refused:
            self.order(attachments=files)
        assert (refused.value.code, refused.value.field) == ("invalid_base64", "attachments[1].content")

    def test_variables_have_their_limit_and_their_place(self):
        with pytest.raises(errors.Invalid) as refused:
            self.order(data={"a": "x" * 100_001})
        assert (refused.value.code, refused.value.field) == ("data_too_large", "data")
        people = [{"to": "a@b.de"}, {"to": "c@d.de", "data": {"a": "x" * 8193}}]
        body = {"from": "a@b.de", "template": 1, "recipients": people}
        with pytest.raises(errors.Invalid) as refused:
            batch_order(decode(json.dumps(body).encode(), BatchModel))
        assert (refused.value.code, refused.value.field) == ("data_too_large", "recipients[1].data")

    def test_numbers_of_any_size_stay_what_they_are(self):
        assert self.order(data={"n": 10**30, "f": 0.1}).data == {"n": 10**30, "f": 0.1}


def asking(method, path):
    raw = path.encode()
    return Request({"type": "http", "method": method, "path": path, "raw_path": raw, "headers": []})


class TestRoutes:
    router = Router(
        "/things",
        Route("GET", "/", "list"),  # type: ignore[arg-type]
        Route("POST", "/", "create"),  # type: ignore[arg-type]
        Route("GET", "/{id}", "show"),  # type: ignore[arg-type]
        Route("POST", "/{id}/pause", "pause"),  # type: ignore[arg-type]
    )

    @pytest.mark.parametrize(
        ("method", "path", "found"),
        [
            ("GET", "/", ("list", {})),
            ("HEAD", "/", ("list", {})),
            ("POST", "/", ("create", {})),
            ("GET", "/7", ("show", {"id": "7"})),
            ("GET", "/7/", ("show", {"id": "7"})),
            ("GET", "/a%20b%2Fc", ("show", {"id": "a b/c"})),
            ("POST", "/7/pause", ("pause", {"id": "7"})),
        ],
    )
    def test_method_and_path_find_who_answers(self, method, path, found):
        route, arguments = self.router.match(asking(method, path))
        assert (route.handle, arguments) == found

    @pytest.mark.parametrize(("method", "path"), [("GET", "/7/8"), ("POST", "/7/stop"), ("OPTIONS", "/7/8")])
    def test_where_there_is_nothing_the_whole_path_is_said(self, method, path):
        with pytest.raises(errors.NotFound, match=f"at /things{path}"):
            self.router.match(asking(method, path))

    def test_another_method_is_told_which_there_are(self):
        with pytest.raises(errors.NotAllowed, match="GET, HEAD, OPTIONS, POST") as refused:
            self.router.match(asking("DELETE", "/"))
        assert refused.value.code == "method_not_allowed"

    async def test_another_method_is_answered_405_with_allow(self):
        async def handle(request):
            return self.router.match(request)

        answered = await ask(handle, method="DELETE", path="/7")
        assert (answered.status_code, answered.headers["allow"]) == (405, "GET, HEAD, OPTIONS")

    async def test_options_answers_with_the_methods_there_are(self):
        async def handle(request):
            return await self.router.match(request)[0].handle(request)

        answered = await ask(handle, method="OPTIONS", path="/7/pause")
        assert (answered.status_code, answered.headers["allow"]) == (204, "OPTIONS, POST")

    async def test_head_has_the_fields_of_get_and_no_body(self):
        async def handle(request):
            return json_response({"a": 1})

        got, headed = await ask(handle, method="GET"), await ask(handle, method="HEAD")
        assert (headed.status_code, headed.content) == (200, b"")
        assert headed.headers["content-length"] == got.headers["content-length"]

    @pytest.mark.parametrize(("path", "behind"), [("/", "/"), ("/7", "/7"), ("/send", "/send")])
    async def test_the_functions_own_name_is_not_part_of_the_path(self, path, behind):
        async def handle(request):
            return json_response(segments(request))

        assert (await ask(handle, path=path)).json() == behind


@pytest.mark.parametrize(
    ("at", "shown"),
    [("09:00:00.000000", "09:00:00Z"), ("09:00:00.000001", "09:00:01Z"), ("23:59:59.5", "00:00:00Z")],
)
def test_whoever_comes_at_a_deadline_finds_it_over(at, shown):
    assert deadline(datetime.fromisoformat(f"2026-03-01T{at}+00:00")).endswith(shown)
    assert deadline(None) is None
