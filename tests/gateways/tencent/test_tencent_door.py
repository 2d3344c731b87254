"""The door of the Tencent protocol: what is wrong with a request is told in its words, always with status 200."""

import hashlib
import json
import time
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.requests import Request
from tencentcloud.common.sign import Sign
from tencentcloud.ses.v20201002 import models

from tests.actions.harness import DOMAIN, MASTER_KEY, Harness
from warmpost.actions.operations.manage_keys import create_key, revoke_key
from warmpost.adapters.message.encryption import Encryption
from warmpost.gateways.http.auth import Keys, Limits
from warmpost.gateways.tencent.actions import ACTIONS
from warmpost.gateways.tencent.door import MOST_BODY, tencent
from warmpost.rules.requests.token_bucket import Rate

HOST = "ses.test"
ALL = ("send", "manage", "read")


class Client:
    """Signs as the SDK does. offset: of its clock."""

    def __init__(self, services, keys, secret_id, secret_key, offset=0):
        self._door = (services, keys)
        self._secrets = (secret_id, secret_key)
        self._offset = offset

    def other(self, secret_id, secret_key):
        services, keys = self._door
        return Client(services, keys, secret_id, secret_key)

    async def send(self, action, body=b"{}", version="2020-10-02", method="POST", **headers):
        at = int(time.time()) + self._offset
        scope = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d}/ses/tc3_request"
        lines = f"content-type:application/json\nhost:{HOST}\n"
        digest = hashlib.sha256(body).hexdigest()
        canonical = "\n".join((method, "/", "", lines, "content-type;host", digest))
        text = f"TC3-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = Sign.sign_tc3(self._secrets[1], scope[:10], "ses", text)
        sent = {
            "Content-Type": "application/json",
            "Authorization": f"TC3-HMAC-SHA256 Credential={self._secrets[0]}/{scope}, "
            f"SignedHeaders=content-type;host, Signature={signature}",
            "X-TC-Action": action,
            "X-TC-Version": version,
            "X-TC-Timestamp": str(at),
        }
        return await self.raw(
            method, body, sent | {name.replace("_", "-"): value for name, value in headers.items()}
        )

    async def raw(self, method, body, headers):
        async def app(scope, receive, respond):
            response = await tencent(Request(scope, receive), *self._door)
            await response(scope, receive, respond)

        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=f"http://{HOST}") as client:
            answered = await client.request(method, "/", content=body, headers=headers)
        assert answered.status_code == 200
        assert answered.headers["content-type"] == "application/json"
        said = answered.json()["Response"]
        assert said["RequestId"]
        return said

    async def code(self, action, parameters=None, **others):
        body = json.dumps(parameters or {}).encode()
        return (await self.send(action, body, **others)).get("Error", {}).get("Code", "")


@pytest.fixture
async def services(store):
    harness = await Harness(store).open()
    return replace(harness.services, encryption=Encryption(MASTER_KEY))


@pytest.fixture
async def connect(services):
    async def connected(scopes=ALL, offset=0, limits=None, **others):
        made = await create_key(services, "sdk", scopes, signs=True, **others)
        keys = Keys(services.store, "first", limits or Limits(), services.clock.timestamp, time.time)
        return Client(services, keys, made.id, made.secret, offset)

    return connected


@pytest.fixture
async def client(connect):
    return await connect()


async def test_a_signed_request_is_answered_as_the_sdk_expects_it(client):
    said = await client.send("ListEmailIdentities")
    assert [one["IdentityName"] for one in said["EmailIdentities"]] == [DOMAIN]
    assert said["Total"] == 1


@pytest.mark.parametrize("offset", [-301, 301, 86_400])
async def test_a_clock_that_is_far_off_is_told(connect, offset):
    assert await (await connect(offset=offset)).code("ListEmailAddress") == "AuthFailure.SignatureExpire"


async def test_an_unknown_action_or_version_is_told_to_those_with_a_key_alone(client, services):
    assert await client.code("DropEverything") == "InvalidAction"
    assert await client.code("ListEmailAddress", version="2019-01-01") == "NoSuchVersion"
    stranger = client.other("nobody", "x")
    assert await stranger.code("DropEverything") == "AuthFailure.SecretIdNotFound"


async def test_a_request_without_a_signature_is_told_what_is_missing(client):
    said = await client.raw("POST", b"{}", {"X-TC-Action": "ListEmailAddress"})
    assert said["Error"]["Code"] == "AuthFailure.InvalidAuthorization"
    said = await client.raw("POST", b"{}", {"Authorization": "Bearer wp_x_y"})
    assert said["Error"]["Code"] == "AuthFailure.InvalidAuthorization"
    said = await client.raw("PUT", b"{}", {})
    assert said["Error"]["Code"] == "UnsupportedProtocol"


@pytest.mark.parametrize(
    ("action", "parameters", "code", "named"),
    [
        ("ListReceivers", {"Offset": 0}, "MissingParameter", "Limit"),
        ("ListReceivers", {"Offset": None, "Limit": 1}, "MissingParameter", "Offset"),
        ("ListReceivers", {"Offset": "0", "Limit": 1}, "InvalidParameter", "Offset"),
        ("ListReceivers", {"Offset": 0, "Limit": 1, "Colour": 1}, "UnknownParameter", "Colour"),
        ("ListReceivers", {"Offset": -1, "Limit": 1}, "InvalidParameter", "Offset"),
        ("ListReceivers", [], "InvalidParameter", ""),
        ("CreateReceiverDetail", {"ReceiverId": 1, "Emails": [1]}, "InvalidParameter", "Emails"),
        ("CreateReceiverDetail", {"ReceiverId": 1, "Emails": []}, "MissingParameter.EmailsNecessary", ""),
        ("SendEmail", {"Template": {"TemplateID": 1}}, "MissingParameter", "TemplateData"),
        ("DeleteAddressUnsubscribeConfig", {}, "MissingParameter", "Address"),
        ("ListEmailIdentities", {"Limit": 101}, "FailedOperation.InvalidLimit", "Limit"),
    ],
)  # fmt: skip
async def test_parameters_that_do_not_fit_are_named(client, action, parameters, code, named):
    error = (await client.send(action, json.dumps(parameters).encode()))["Error"]
    assert error["Code"] == code
    assert named in error["Message"]


async def test_a_body_that_is_no_json_or_too_large_is_told(client):
    assert (await client.send("ListEmailAddress", b"{"))["Error"]["Code"] == "InvalidParameter"
    large = b'{"x": "' + b"a" * MOST_BODY + b'"}'
    assert (await client.send("ListEmailAddress", large))["Error"]["Code"] == "RequestSizeLimitExceeded"


async def test_scopes_hold_here_as_elsewhere(connect):
    reader = await connect(scopes=("read",))
    assert await reader.code("ListEmailAddress") == ""
    assert await reader.code("CreateReceiver", {"ReceiversName": "x"}) == "AuthFailure.UnauthorizedOperation"
    sender = await connect(scopes=("send",))
    assert await sender.code("ListEmailAddress") == "AuthFailure.UnauthorizedOperation"


async def test_a_key_that_was_revoked_or_not_made_for_it_signs_nothing(client, services):
    await revoke_key(services, client._secrets[0])
    assert await client.code("ListEmailAddress") == "AuthFailure.SecretIdNotFound"
    plain = await create_key(services, "plain", ALL)
    other = client.other(plain.id, plain.token.rpartition("_")[2])
    assert await other.code("ListEmailAddress") == "AuthFailure.SecretIdNotFound"


async def test_a_secret_is_kept_sealed_and_nowhere_in_the_open(client, services):
    key_id, secret = client._secrets
    (stored,) = [one async for one in services.store._client.collection("keys").stream() if one.id == key_id]
    assert secret.encode() not in repr(stored.to_dict()).encode()


async def test_who_guesses_is_throttled_by_address(connect):
    client = await connect(limits=Limits(wrong=Rate(0.001, 3)))
    guesser = client.other(client._secrets[0], "wrong")
    codes = [await guesser.code("ListEmailAddress") for _ in range(5)]
    assert codes[:3] == ["AuthFailure.SignatureFailure"] * 3
    assert codes[4] == "RequestLimitExceeded.IPLimitExceeded"


async def test_the_same_request_under_an_idempotency_key_is_one_message(client, services):
    await client.code("CreateEmailAddress", {"EmailAddress": f"shop@{DOMAIN}"})
    order = {
        "FromEmailAddress": f"shop@{DOMAIN}",
        "Destination": ["ann@example.net"],
        "Subject": "Hi",
        "Simple": {"Text": "SGk="},
    }
    sent = [await client.send("SendEmail", json.dumps(order).encode(), Idempotency_Key="a") for _ in range(2)]
    assert sent[0]["MessageId"] == sent[1]["MessageId"]
    other = json.dumps(order | {"Subject": "Ho"}).encode()
    assert (await client.send("SendEmail", other, Idempotency_Key="a"))["Error"]["Code"] == "ResourceInUse"


def test_all_actions_are_there_with_the_parameters_of_the_sdk():
    assert len(ACTIONS) == 36
    for name, action in ACTIONS.items():
        request = getattr(models, f"{name}Request")()
        wanted = {one.lstrip("_") for one in vars(request) if one != "_headers"}
        assert set(action.parameters.__struct_encode_fields__) == wanted, name


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.text(max_size=12) | st.just("2026-11-26"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_parameter_whatever_it_holds_is_a_failure_of_ours(client, data):
    name = data.draw(st.sampled_from(sorted(ACTIONS)))
    fields = ACTIONS[name].parameters.__struct_encode_fields__
    parameters = {one: data.draw(VALUES) for one in fields if data.draw(st.booleans())}
    body = json.dumps(parameters).encode()
    assert (await client.send(name, body)).get("Error", {}).get("Code") != "InternalError"
