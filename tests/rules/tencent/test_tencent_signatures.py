"""Signatures of the official clients: the vectors were made with the unmodified SDK."""

import hashlib
import json
from dataclasses import replace

import pytest
from tencentcloud.common.sign import Sign

from warmpost.rules.tencent.signatures import (
    MOST_SKEW,
    Fault,
    Wire,
    check_time,
    is_tc3_right,
    is_v1_right,
    read_tc3,
)

SECRET, HOST, NOW = "secretEXAMPLE", "ses.example.test", 1700000000
BODY = rb'{"Offset": 0, "Limit": 10, "KeyWord": "\u65b0\u95fb news"}'
QUERY = "Offset=0&Limit=10&KeyWord=%E6%96%B0%E9%97%BB+news"
V1 = {
    "Action": "ListReceivers",
    "KeyWord": "新闻 news",
    "Language": "zh-CN",
    "Limit": "10",
    "Nonce": "123456789",
    "Offset": "0",
    "Region": "ap-guangzhou",
    "RequestClient": "SDK_PYTHON_3.1.135",
    "SecretId": "AKIDEXAMPLE",
    "Timestamp": str(NOW),
    "Version": "2020-10-02",
}


def wire(method="POST", host=HOST, path="/", query="", body=BODY, **headers):
    sent = {"content-type": "application/json", "host": host, **headers}
    return Wire(method, host, path, query, sent, body)


def signed(request, sent=None, secret=SECRET, names="content-type;host", service="ses", path="/", query=None):
    """As the SDK signs it. sent: values of the named headers, where they are not those of the request."""
    values = sent or request.headers
    lines = "".join(f"{name}:{values[name]}\n" for name in names.split(";"))
    hashed = hashlib.sha256(request.body if request.method == "POST" else b"").hexdigest()
    asked = query if query is not None else (request.query if request.method == "GET" else "")
    canonical = "\n".join((request.method, path, asked, lines, names, hashed))
    scope = f"2023-11-14/{service}/tc3_request"
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"TC3-HMAC-SHA256\n{NOW}\n{scope}\n{digest}"
    signature = Sign.sign_tc3(secret, "2023-11-14", service, text)
    return f"TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders={names}, Signature={signature}"


def holds(request, authorization, secret=SECRET, at=NOW):
    asked = read_tc3(authorization)
    assert not isinstance(asked, Fault), asked
    return is_tc3_right(request, asked, at, secret)


def test_the_body_of_the_vector_has_the_hash_of_the_vector():
    assert json.loads(BODY)["KeyWord"] == "新闻 news"


def test_the_vectors_of_version_3_hold():
    post = "a147cdbfd045107743bbb04f32d7"
    authorization = signed(wire())
    assert f"Signature={post}" in authorization
    assert holds(wire(), authorization)
    get = replace(
        wire("GET", query=QUERY),
        headers={"content-type": "application/x-www-form-urlencoded", "host": HOST},
    )
    authorization = (
        "TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/2023-11-14/ses/tc3_request,SignedHeaders=content-type;host,"
        "Signature=d082d5f83d058bc41646c9213bbd244f8d067328b3aa81db33e063cf272f1f26"
    )
    assert holds(get, authorization)


@pytest.mark.parametrize(
    ("method", "verb", "signature"),
    [
        ("HmacSHA1", "POST", "jZWNDe17FUYDOSsSnAs3C9i5Y1I="),
        ("HmacSHA256", "GET", "rYnXjRqqyVGjCZfiqHnFRKcpMbu56VOeMXEuc6JlSTs="),
    ],
)
def test_the_vectors_of_version_1_hold(method, verb, signature):
    parameters = V1 | {"SignatureMethod": method, "Signature": signature}
    assert is_v1_right(wire(verb, query="x"), parameters, SECRET) is True
    assert is_v1_right(wire(verb, query="x"), parameters | {"Limit": "11"}, SECRET) is False
    assert is_v1_right(wire(verb, query="x"), parameters, "other") is False


def test_version_1_without_a_method_is_sha1_and_an_unknown_one_is_refused():
    parameters = V1 | {"SignatureMethod": "HmacSHA512", "Signature": "x"}
    assert isinstance(is_v1_right(wire(), parameters, SECRET), Fault)
    text = f"POST{HOST}/?" + "&".join(f"{name}={V1[name]}" for name in sorted(V1))
    parameters = V1 | {"Signature": Sign.sign(SECRET, text, "HmacSHA1")}
    assert is_v1_right(wire(), parameters, SECRET) is True


@pytest.mark.parametrize(
    ("host", "signs", "path"),
    [
        ("127.0.0.1:8080", "127.0.0.1", "/"),  # Node signs the host alone
        ("127.0.0.1:8080", "127.0.0.1:8080", "/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "/"),  # tccli sends the scheme along
        (HOST, HOST, "/tencent/"),
    ],
)
def test_what_clients_sign_of_host_and_path_is_understood(host, signs, path):
    request = wire(host=host, path=path)
    sent = {"content-type": "application/json", "host": signs}
    for signed_path in ("/", path):
        assert holds(request, signed(request, sent, path=signed_path))


def test_header_values_may_be_signed_in_lower_case_and_more_headers_than_two():
    request = wire(**{"x-tc-action": "ListReceivers"})
    names = "content-type;host;x-tc-action"
    lower = {**request.headers, "x-tc-action": "listreceivers"}
    assert holds(request, signed(request, names=names))
    assert holds(request, signed(request, lower, names=names))


def test_the_service_is_whatever_the_scope_says():
    assert holds(wire(), signed(wire(), service="127"))


@pytest.mark.parametrize(
    "changed",
    [
        wire(body=BODY + b" "),
        wire("GET", query=QUERY),
        wire(host="other.example"),
        wire(**{"content-type": "text/plain"}),
    ],
)
def test_a_request_that_was_changed_does_not_hold(changed):
    assert not holds(changed, signed(wire()))


def test_another_secret_or_day_does_not_hold():
    assert not holds(wire(), signed(wire()), secret="other")
    assert not holds(wire(), signed(wire()), at=NOW + 86_400)


def test_a_header_that_is_signed_and_not_sent_does_not_hold():
    request = wire(**{"x-extra": "1"})
    authorization = signed(request, names="content-type;host;x-extra")
    assert not holds(wire(), authorization)


def test_a_body_may_be_left_unsigned_where_the_request_says_so():
    request = wire(**{"x-tc-content-sha256": "UNSIGNED-PAYLOAD"})
    lines = "content-type:application/json\nhost:ses.example.test\n"
    digest = hashlib.sha256(b"UNSIGNED-PAYLOAD").hexdigest()
    canonical = "\n".join(("POST", "/", "", lines, "content-type;host", digest))
    scope = "2023-11-14/ses/tc3_request"
    text = f"TC3-HMAC-SHA256\n{NOW}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = Sign.sign_tc3(SECRET, "2023-11-14", "ses", text)
    authorization = f"TC3-HMAC-SHA256 Credential=AKIDEXAMPLE/{scope}, SignedHeaders=content-type;host, Signature={signature}"
    assert holds(request, authorization)
    assert not holds(wire(), authorization)


@pytest.mark.parametrize(
    "authorization",
    [
        "SKIP",
        "Bearer wp_x_y",
        "TC3-HMAC-SHA256 Credential=a/2023-11-14/ses/tc3_request, SignedHeaders=host, Signature=" + "0" * 64,
        "TC3-HMAC-SHA256 Credential=a/ses/tc3_request, SignedHeaders=content-type;host, Signature="
        + "0" * 64,
        "TC3-HMAC-SHA256 Credential=a/2023-11-14/ses/tc3_request, SignedHeaders=content-type;host, Signature=0",
    ],
)
def test_what_is_no_authorization_of_version_3_says_so(authorization):
    found = read_tc3(authorization)
    assert isinstance(found, Fault) and found.code == "AuthFailure.InvalidAuthorization"


def test_a_clock_may_be_off_by_five_minutes():
    assert check_time(str(NOW - MOST_SKEW), NOW) == NOW - MOST_SKEW
    for text in (str(NOW - MOST_SKEW - 1), str(NOW + MOST_SKEW + 1)):
        found = check_time(text, NOW)
        assert isinstance(found, Fault) and found.code == "AuthFailure.SignatureExpire"
    assert isinstance(check_time("1e9", NOW), Fault)
