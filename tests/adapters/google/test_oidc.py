"""Who may call `work`: the queue's own account, with a token of this hour signed by the issuer."""

import asyncio
import base64
import json
from types import SimpleNamespace

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from warmpost.adapters.google.oidc import TokenVerifier
from warmpost.errors import Unauthorized, Unavailable

AUDIENCE = "https://mail.example.com"
EMAIL = "queue@p.iam.gserviceaccount.com"
NOW = 1_800_000_000.0


class Issuer:
    """Serves its public keys and counts who asks for them."""

    def __init__(self):
        self.keys = {}
        self.asked = 0
        self.url = ""

    def new_key(self, name):
        self.keys = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    async def __aenter__(self):
        self.new_key("one")
        app = web.Application()
        app.router.add_get("/jwks", self._jwks)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _jwks(self, request):
        self.asked += 1
        keys = [
            json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())) | {"kid": name}
            for name, key in self.keys.items()
        ]
        return web.json_response({"keys": keys})

    def token(self, key=None, kid=None, algorithm="RS256", without=(), **changed):
        claims = {
            "iss": self.url,
            "aud": AUDIENCE,
            "email": EMAIL,
            "email_verified": True,
            "iat": NOW - 10,
            "exp": NOW + 3590,
        } | changed
        claims = {name: value for name, value in claims.items() if name not in without}
        (name, own) = next(iter(self.keys.items()))
        return jwt.encode(claims, key or own, algorithm, {"kid": kid or name})

    def verifier(self, now=lambda: NOW, **options):
        return TokenVerifier(f"{self.url}/jwks", self.url, [AUDIENCE], EMAIL, now, **options)


@pytest.fixture(scope="module")
async def issuer():
    async with Issuer() as issuer:
        yield issuer


async def test_the_queues_token_is_taken(issuer):
    await issuer.verifier().check(issuer.token())


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "https://other.example.com"},
        {"iss": "https://accounts.example.org"},
        {"email": "somebody@p.iam.gserviceaccount.com"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"exp": NOW},
        {"exp": NOW - 3600},
        {"iat": NOW + 3600, "exp": NOW + 7200},
        {"without": ["email"]},
        {"without": ["exp"]},
        {"without": ["iat"]},
        {"without": ["aud"]},
        {"without": ["iss"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("signature", [True, False])
async def test_what_a_token_says_must_all_be_right(issuer, wrong, signature):
    with pytest.raises(Unauthorized):
        await issuer.verifier(signature=signature).check(issuer.token(**wrong))


async def test_a_foreign_key_signs_nothing_for_us(issuer):
    foreign = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for kid in ("one", "unknown"):
        with pytest.raises(Unauthorized):
            await issuer.verifier().check(issuer.token(key=foreign, kid=kid))


async def test_other_algorithms_than_the_issuers_are_refused(issuer):
    shared = "a secret that is long enough for an HMAC of 256 bits"
    with pytest.raises(Unauthorized):
        await issuer.verifier().check(issuer.token(key=shared, algorithm="HS256"))


async def test_a_token_without_signature_is_refused_where_signatures_are_checked(issuer):
    token = issuer.token()
    head = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT","kid":"one"}').rstrip(b"=").decode()
    for stripped in (
        token.rpartition(".")[0] + ".",
        head + "." + token.split(".")[1] + ".",
        token[:-4] + "AAAA",
    ):
        with pytest.raises(Unauthorized):
            await issuer.verifier().check(stripped)


async def test_where_the_platform_took_the_signature_off_the_rest_is_checked(issuer):
    stripped = issuer.token().rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"
    asked = issuer.asked
    await issuer.verifier(signature=False).check(stripped)
    assert issuer.asked == asked


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "a" * 5000, "é.é.é", ".."])
async def test_what_is_no_token_is_refused(issuer, token):
    for signature in (True, False):
        with pytest.raises(Unauthorized):
            await issuer.verifier(signature=signature).check(token)


async def test_keys_are_fetched_once_for_many_tokens(issuer):
    verifier, asked = issuer.verifier(), issuer.asked
    for n in range(5):
        await verifier.check(issuer.token(iat=NOW - n))
    assert issuer.asked == asked + 1


async def test_after_the_issuer_changed_its_key_new_tokens_are_taken(issuer, monkeypatch):
    """At once, unless the keys were fetched a moment ago; the queue comes again until then."""
    passed = [0.0]
    monkeypatch.setattr("jwt.jwks_client.time", SimpleNamespace(monotonic=lambda: passed[0]))
    verifier = issuer.verifier()
    await verifier.check(issuer.token())
    passed[0] += 60
    issuer.new_key("two")
    try:
        await verifier.check(issuer.token(iat=NOW - 5))
    finally:
        issuer.new_key("one")


async def test_made_up_key_names_do_not_keep_us_asking_the_issuer(issuer):
    verifier = issuer.verifier()
    await verifier.check(issuer.token())
    asked = issuer.asked
    for n in range(10):
        with pytest.raises(Unauthorized):
            await verifier.check(issuer.token(kid=f"made-up-{n}"))
    assert issuer.asked <= asked + 1


async def test_a_token_that_was_good_ends_when_it_expires(issuer):
    now = [NOW]
    verifier, token = issuer.verifier(lambda: now[0]), issuer.token()
    await verifier.check(token)
    now[0] = NOW + 3589
    await verifier.check(token)
    now[0] = NOW + 3590
    with pytest.raises(Unauthorized):
        await verifier.check(token)


async def test_clocks_may_differ_by_a_little(issuer):
    await issuer.verifier().check(issuer.token(iat=NOW + 50))


async def test_an_issuer_that_does_not_answer_is_our_trouble_not_the_callers():
    verifier = TokenVerifier("http://127.0.0.1:9/jwks", "http://127.0.0.1:9", [AUDIENCE], EMAIL, lambda: NOW)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    with pytest.raises(Unavailable) as unavailable:
        await verifier.check(jwt.encode({"iss": "x"}, key, "RS256", {"kid": "one"}))
    assert unavailable.value.retry_after


async def test_googles_issuer_is_taken_with_and_without_its_scheme(issuer):
    verifier = TokenVerifier(
        f"{issuer.url}/jwks", "https://accounts.google.com", [AUDIENCE], EMAIL, lambda: NOW
    )
    await verifier.check(issuer.token(iss="https://accounts.google.com"))
    await verifier.check(issuer.token(iss="accounts.google.com"))


async def test_many_callers_at_once_do_not_hold_each_other_up(issuer):
    verifier = issuer.verifier()
    await asyncio.gather(*(verifier.check(issuer.token(iat=NOW - n)) for n in range(20)))
