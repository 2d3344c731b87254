"""Who may come in: keys and what each may do."""

import pytest
from starlette.requests import Request

from tests.actions.harness import START
from warmpost.errors import Forbidden, Unauthorized
from warmpost.gateways.http.auth import Caller, Keys, bearer, digest
from warmpost.rules.model.documents import ApiKey
from warmpost.rules.model.writes import Put, Update


def request(authorization=None):
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers})


async def keep(store, key_id, secret, *scopes):
    await store.commit(Put(f"keys/{key_id}", ApiKey("test", scopes, digest(secret), START)))


async def test_the_first_key_may_do_everything(store):
    keys = Keys(store, "the-first-key")
    for scope in ("send", "manage", "read"):
        caller = await keys.caller(request("Bearer the-first-key"), scope)
        assert caller == Caller("first", ("send", "manage", "read"))


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "BEARER   {} "])
async def test_a_key_that_is_kept_is_known_by_its_secret(store, form):
    await keep(store, "k1", "s3cret", "send")
    caller = await Keys(store, "").caller(request(form.format("wp_k1_s3cret")), "send")
    assert caller == Caller("k1", ("send",))


@pytest.mark.parametrize(
    ("scopes", "wanted", "may"),
    [
        (("send",), "send", True),
        (("send",), "manage", False),
        (("send",), "read", False),
        (("manage",), "read", True),
        (("manage",), "send", False),
        (("read",), "read", True),
        (("read",), "send", False),
        (("send", "read"), "read", True),
        ((), "read", False),
    ],
)
async def test_a_key_may_do_what_its_scopes_say(store, scopes, wanted, may):
    await keep(store, "k1", "s3cret", *scopes)
    asked = Keys(store, "").caller(request("Bearer wp_k1_s3cret"), wanted)
    if may:
        assert (await asked).key_id == "k1"
        return
    with pytest.raises(Forbidden) as forbidden:
        await asked
    assert forbidden.value.code == "missing_scope"


async def test_a_revoked_key_ends_with_the_next_request(store):
    await keep(store, "k1", "s3cret", "read")
    keys = Keys(store, "")
    await keys.caller(request("Bearer wp_k1_s3cret"), "read")
    await store.commit(Update("keys/k1", {"revoked_at": START}))
    with pytest.raises(Unauthorized) as refused:
        await keys.caller(request("Bearer wp_k1_s3cret"), "read")
    assert refused.value.code == "wrong_key"


@pytest.mark.parametrize(
    "token",
    [
        "wp_k1_wrong",
        "wp_k1_",
        "wp_k1",
        "wp__s3cret",
        "wp_k2_s3cret",
        "xx_k1_s3cret",
        "wp_k1/../k1_s3cret",
        "wp_é_s3cret",
        "the-first-keys",
        "schlüssel",
        "x" * 5000,
    ],
)
async def test_a_wrong_key_is_refused_whatever_is_wrong_with_it(store, token):
    await keep(store, "k1", "s3cret", "send")
    with pytest.raises(Unauthorized) as refused:
        await Keys(store, "the-first-key").caller(request(f"Bearer {token}"), "send")
    assert refused.value.code == "wrong_key"


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer  ", "Basic dXNlcjpwYXNz", "wp_k1_s3cret"]
)
async def test_without_a_key_it_is_said_how_to_send_one(store, authorization):
    with pytest.raises(Unauthorized) as refused:
        await Keys(store, "the-first-key").caller(request(authorization), "send")
    assert refused.value.code == "missing_key"


async def test_without_a_first_key_an_empty_one_does_not_open(store):
    for authorization in ("Bearer ", "Bearer \t"):
        with pytest.raises(Unauthorized):
            await Keys(store, "").caller(request(authorization), "read")


def test_a_token_is_taken_from_its_header():
    assert bearer(request("Bearer abc.def.ghi ")) == "abc.def.ghi"
    for authorization in (None, "", "Bearer ", "Basic abc"):
        with pytest.raises(Unauthorized):
            bearer(request(authorization))
