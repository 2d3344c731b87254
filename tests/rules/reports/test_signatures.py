import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warmpost.errors import Unauthorized
from warmpost.rules.reports.signatures import SIGNATURE, TIMESTAMP, sign, verify, verify_bearer, verify_source

NOW = 1793606400
BODY = b'{"type": "delivered"}'


def signed(body=BODY, at=NOW, secret="secret"):
    return {TIMESTAMP: str(at), SIGNATURE: sign(body, at, secret)}


def test_the_signature_is_the_documented_one():
    expected = hmac.new(b"secret", b"1793606400." + BODY, hashlib.sha256).hexdigest()
    assert sign(BODY, NOW, "secret") == f"v1={expected}"


@settings(deadline=None)
@given(st.binary(), st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_what_is_signed_verifies(body, secret):
    verify(signed(body, NOW, secret), body, [secret], NOW)


def test_header_names_may_have_any_case():
    verify({name.lower(): value for name, value in signed().items()}, BODY, ["secret"], NOW)


def test_old_and_new_secret_hold_while_one_is_changed():
    verify(signed(secret="old"), BODY, ["new", "old"], NOW)
    both = signed() | {SIGNATURE: f"{sign(BODY, NOW, 'other')}, {sign(BODY, NOW, 'secret')}"}
    verify(both, BODY, ["secret"], NOW)


@pytest.mark.parametrize("off", [-300, 0, 300])
def test_five_minutes_either_way_are_forgiven(off):
    verify(signed(at=NOW + off), BODY, ["secret"], NOW)


@pytest.mark.parametrize("off", [-301, 301, 10**9])
def test_more_is_not(off):
    with pytest.raises(Unauthorized, match="at most 300"):
        verify(signed(at=NOW + off), BODY, ["secret"], NOW)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {TIMESTAMP: str(NOW)},
        {SIGNATURE: sign(BODY, NOW, "secret")},
        signed() | {TIMESTAMP: "soon"},
        signed() | {TIMESTAMP: "٣"},
        signed() | {TIMESTAMP: str(NOW + 1)},
        signed() | {SIGNATURE: ""},
        signed() | {SIGNATURE: "v1="},
        signed() | {SIGNATURE: sign(BODY, NOW, "secret")[3:]},
        signed() | {SIGNATURE: "v1=é" + "0" * 63},
        signed(secret="other"),
        signed(body=b"other"),
    ],
)
def test_everything_else_is_refused(headers):
    with pytest.raises(Unauthorized):
        verify(headers, BODY, ["secret"], NOW)


def test_no_secret_and_an_empty_secret_never_hold():
    for secrets in ([], [""]):
        with pytest.raises(Unauthorized):
            verify(signed(secret="x") | {SIGNATURE: sign(BODY, NOW, "")}, BODY, secrets, NOW)
        with pytest.raises(Unauthorized):
            verify_bearer({"Authorization": "Bearer "}, secrets)


def test_a_log_hook_may_bear_its_secret_and_nobody_else():
    headers = {"Authorization": "Bearer secret"}
    verify_source("kumomta", headers, BODY, ["other", "secret"], NOW)
    verify_source("kumomta", signed(), BODY, ["secret"], NOW)
    for source in ("warmpost", "dsn", "arf"):
        with pytest.raises(Unauthorized):
            verify_source(source, headers, BODY, ["secret"], NOW)


@pytest.mark.parametrize("given_", ["", "Bearer", "Bearer wrong", "Basic secret", "secret", "Bearer sécret"])
def test_a_wrong_bearer_is_refused(given_):
    with pytest.raises(Unauthorized):
        verify_source("kumomta", {"Authorization": given_}, BODY, ["secret"], NOW)
