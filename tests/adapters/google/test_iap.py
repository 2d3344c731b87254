"""What Identity-Aware Proxy asserts holds only as it signed it: for this service, for now."""

from __future__ import annotations

import json

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec

from warmpost.adapters.google.iap import ISSUER, IapVerifier
from warmpost.errors import Unauthorized, Unavailable

AUDIENCE = "/projects/1/locations/europe-west1/services/console"
NOW = 1_800_000_000.0
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


def assertion(key=KEY, algorithm="ES256", without=(), **changed) -> str:
    claims = {"iss": ISSUER, "aud": AUDIENCE, "email": "ann@example.com", "iat": NOW - 5, "exp": NOW + 600}
    claims = {name: value for name, value in {**claims, **changed}.items() if name not in without}
    return jwt.encode(claims, key, algorithm, headers={"kid": "one"})


@pytest.fixture
async def verifier():
    async def keys(_: web.Request) -> web.Response:
        return web.json_response(
            {"keys": [json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key())) | {"kid": "one"}]}
        )

    app = web.Application()
    app.router.add_get("/keys", keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield IapVerifier(f"http://127.0.0.1:{runner.addresses[0][1]}/keys", AUDIENCE, lambda: NOW)
    await runner.cleanup()


async def test_whom_the_proxy_let_in_is_known_by_address(verifier):
    assert await verifier.address(assertion()) == "ann@example.com"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: "",
        lambda: "x.y.z",
        lambda: assertion(OTHER),
        lambda: assertion(aud="/projects/1/locations/europe-west1/services/other"),
        lambda: assertion(iss="https://accounts.google.com"),
        lambda: assertion(exp=NOW - 120),
        lambda: assertion(iat=NOW + 120),
        lambda: assertion(without=("email",)),
        lambda: assertion(without=("exp",)),
        lambda: assertion("a-secret-that-somebody-made-up-themselves", "HS256"),
    ],
)
async def test_anything_else_is_refused(verifier, wrong):
    with pytest.raises(Unauthorized):
        await verifier.address(wrong())


async def test_without_the_keys_nobody_is_believed():
    with pytest.raises(Unavailable):
        await IapVerifier("http://127.0.0.1:9/keys", AUDIENCE, lambda: NOW).address(assertion())
