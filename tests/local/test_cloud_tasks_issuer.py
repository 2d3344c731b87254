from __future__ import annotations

import asyncio

import httpx
import jwt
import pytest

from infra.local.cloud_tasks.issuer import Issuer, new_signing_key
from tests.local.cloud_tasks_emulator import PARENT, Emulator, Receiver

QUEUE = f"{PARENT}/queues/q"
CALLER = "work-invoker@p.iam.gserviceaccount.com"


@pytest.fixture
async def emulator(tmp_path):
    emulator = Emulator(tmp_path)
    await emulator.client().create_queue(parent=PARENT, queue={"name": QUEUE})
    yield emulator
    await emulator.stop()


@pytest.fixture
async def receiver(emulator):
    receiver = Receiver(emulator.clock)
    await receiver.start()
    yield receiver
    await receiver.stop()


async def deliver(emulator, receiver, token):
    """The Authorization header with which a task of that oidc_token arrives."""
    url = receiver.url("/a")
    await emulator.client().create_task(
        parent=QUEUE, task={"http_request": {"url": url, "oidc_token": token}}
    )
    await emulator.advance(0)
    return receiver.deliveries[-1].headers["authorization"]


async def verified(emulator, authorization, audience):
    """The claims, verified as a stranger would who knows nothing but the issuer."""
    token = authorization.removeprefix("Bearer ")
    discovery = await emulator.get("/.well-known/openid-configuration")
    keys = jwt.PyJWKClient(discovery["jwks_uri"])
    key = await asyncio.to_thread(keys.get_signing_key_from_jwt, token)
    return jwt.decode(token, key, algorithms=["RS256"], audience=audience, issuer=discovery["issuer"])


async def test_a_receiver_can_verify_who_sent_the_task(emulator, receiver):
    token = {"service_account_email": CALLER, "audience": "https://work.example"}
    claims = await verified(emulator, await deliver(emulator, receiver, token), "https://work.example")
    assert claims["iss"] == emulator.url
    assert (claims["email"], claims["email_verified"]) == (CALLER, True)
    assert claims["exp"] - claims["iat"] == 3600


async def test_the_url_is_the_audience_where_none_is_named(emulator, receiver):
    authorization = await deliver(emulator, receiver, {"service_account_email": CALLER})
    assert (await verified(emulator, authorization, receiver.url("/a")))["email"] == CALLER
    with pytest.raises(jwt.InvalidAudienceError):
        await verified(emulator, authorization, "https://work.example")


async def test_tokens_from_before_a_restart_stay_valid(emulator, receiver):
    token = {"service_account_email": CALLER, "audience": "https://work.example"}
    before = await deliver(emulator, receiver, token)
    emulator.kill()
    emulator.start()
    assert (await verified(emulator, before, "https://work.example"))["email"] == CALLER


async def test_another_issuers_key_does_not_verify(emulator, receiver):
    token = {"service_account_email": CALLER, "audience": "https://work.example"}
    authorization = await deliver(emulator, receiver, token)
    forged = Issuer(emulator.url, new_signing_key()).token(CALLER, "https://work.example", 0)
    with pytest.raises(jwt.PyJWKClientError):
        await verified(emulator, forged, "https://work.example")
    keys = httpx.get(f"{emulator.url}/jwks").json()["keys"]
    assert jwt.get_unverified_header(authorization.removeprefix("Bearer "))["kid"] == keys[0]["kid"]


def test_a_token_is_reused_for_some_minutes_only():
    issuer = Issuer("http://issuer", new_signing_key())
    token = issuer.token(CALLER, "a", now=1000.0)
    assert issuer.token(CALLER, "a", now=1299.0) == token
    assert issuer.token(CALLER, "a", now=1301.0) != token
    assert issuer.token(CALLER, "b", now=1000.0) != token
    assert issuer.token("other", "a", now=1000.0) != token
