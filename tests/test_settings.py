"""What the environment may say, and what is said about what it may not."""

import base64

import pytest

from warmpost.rules.operations.environment import SettingsError
from warmpost.settings import Settings, secret

KEY = base64.b64encode(bytes(range(32))).decode()
LEAST = {
    "GOOGLE_CLOUD_PROJECT": "p",
    "WARMPOST_LOCATION": "europe-west1",
    "WARMPOST_BASE_URL": "https://mail.example.com/",
    "WARMPOST_RELAY": "smtp://relay.example.net",
    "WARMPOST_INVOKER_EMAIL": "queue@p.iam.gserviceaccount.com",
    "WARMPOST_MASTER_KEY": KEY,
}


def test_the_least_that_is_needed_gives_the_rest():
    settings = Settings.from_env(LEAST)
    assert settings.base_url == "https://mail.example.com"
    assert settings.track_url == "https://mail.example.com/track"
    assert settings.hostname == "mail.example.com"
    assert settings.master_key == bytes(range(32))
    assert settings.verify_signature
    assert settings.first_key == settings.tasks_emulator == ""
    policy = settings.policy
    assert (policy.claim_batch, policy.lease, policy.work_limit, policy.time_zone) == (
        125,
        15.0,
        480.0,
        "UTC",
    )
    assert policy.retries.give_up == 86400.0
    assert policy.project == "p"


@pytest.mark.parametrize("name", LEAST)
@pytest.mark.parametrize("value", [None, "", "  "])
def test_what_is_needed_is_named_when_it_is_missing(name, value):
    env = {**LEAST, name: value} if value is not None else {k: v for k, v in LEAST.items() if k != name}
    with pytest.raises(SettingsError, match=name):
        Settings.from_env(env)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WARMPOST_CLAIM_BATCH", "0"),
        ("WARMPOST_CLAIM_BATCH", "501"),
        ("WARMPOST_CLAIM_BATCH", "ten"),
        ("WARMPOST_CLAIM_BATCH", "²"),
        ("WARMPOST_CONNECTIONS", "-1"),
        ("WARMPOST_SIGNING_THREADS", "1.5"),
        ("WARMPOST_LEASE_SECONDS", "0"),
        ("WARMPOST_LEASE_SECONDS", "nan"),
        ("WARMPOST_WORK_SECONDS", "inf"),
        ("WARMPOST_GIVE_UP_SECONDS", "-5"),
        ("WARMPOST_RETRY_SECONDS", "60,,300"),
        ("WARMPOST_RETRY_SECONDS", "60,soon"),
        ("WARMPOST_RETRY_SECONDS", "60,-300"),
        ("WARMPOST_RETRY_SECONDS", "nan"),
        ("WARMPOST_RETRY_SECONDS", "0"),
        ("WARMPOST_TIME_ZONE", "Europe/Nowhere"),
        ("WARMPOST_TIME_ZONE", "../etc/passwd"),
        ("WARMPOST_OIDC_SIGNATURE", "no"),
        ("WARMPOST_MASTER_KEY", "c2hvcnQ="),
        ("WARMPOST_MASTER_KEY", "not base64!"),
        ("WARMPOST_MASTER_KEY", "schlüssel"),
        ("GOOGLE_CLOUD_PROJECT", "My Project"),
        ("WARMPOST_LOCATION", "Europe West"),
        ("WARMPOST_BASE_URL", "mail.example.com"),
        ("WARMPOST_BASE_URL", "https://mail.example.com/?a=b"),
        ("WARMPOST_INVOKER_EMAIL", "queue"),
        ("WARMPOST_API_KEY", "wp_two words"),
        ("WARMPOST_DNS", "ns.example.com"),
        ("WARMPOST_DNS", "127.0.0.1:0"),
        ("WARMPOST_DNS", "[::1]:70000"),
        ("WARMPOST_OIDC_ISSUER", "accounts.google.com"),
        ("WARMPOST_OIDC_JWKS_URL", "ftp://example.com"),
        ("WARMPOST_HOSTNAME", "mail example"),
        ("WARMPOST_SIMULATOR_DOMAIN", "simulator invalid"),
        ("WARMPOST_SPF_INCLUDE", "include:_spf.example.com"),
        ("WARMPOST_WEBHOOK_ALLOW_PRIVATE", "yes"),
        ("WARMPOST_KEY_RATE", "many"),
        ("WARMPOST_LOG", "xml"),
        ("WARMPOST_PROXIES", "many"),
        ("WARMPOST_PROXIES", "10"),
        ("WARMPOST_PROXIES", "203.0.113.7, lb.example"),
        ("WARMPOST_LEVELS", "{"),
        ("WARMPOST_LEVELS", "{bad"),
        ("WARMPOST_PRICES", '{"writes": -1}'),
        ("WARMPOST_PRICES", '{"currency_of": "USD"}'),
        ("WARMPOST_INSTANCES", "work=1024"),
        ("WARMPOST_PROVIDERS", '{"gmial": {"per_second": 1}}'),
        ("WARMPOST_RELAY", "http://relay.example.net"),
        ("WARMPOST_RELAY", "relay.example.net:587"),
        ("WARMPOST_RELAY", "smtp://user@relay.example.net"),
        ("WARMPOST_RELAY", "smtp://:word@relay.example.net"),
        ("WARMPOST_RELAY", "smtp://"),
        ("WARMPOST_RELAY", "smtp://relay.example.net:0"),
        ("WARMPOST_RELAY", "smtp://relay.example.net:99999"),
        ("WARMPOST_RELAY", "smtp://relay.example.net:port"),
        ("WARMPOST_RELAY", "smtp://[::1"),
        ("WARMPOST_RELAY", "smtp://relay.example.net?tls=no"),
        ("WARMPOST_RELAY", "smtp://relay.example.net?transport=A%0A"),
        ("WARMPOST_RELAY", "smtp://relay.example.net?verify=perhaps"),
        ("WARMPOST_RELAY", "smtp://relay.example.net?starttls="),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(name, value):
    with pytest.raises(SettingsError, match=name):
        Settings.from_env({**LEAST, name: value})


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("WARMPOST_STRIDE", "WARMPOST_CLAIM_BATCH"),
        ("WARMPOST_LEVEL", "WARMPOST_LEVELS"),
        ("WARMPOST_CLAIM_BATHC", "WARMPOST_CLAIM_BATCH"),
        ("WARMPOST_EVENT_SECRET", "WARMPOST_EVENTS_SECRET"),
        ("WARMPOST_TIMEZONE", "WARMPOST_TIME_ZONE"),
    ],
)
def test_a_misspelled_name_is_refused_with_the_one_that_was_meant(wrong, meant):
    with pytest.raises(SettingsError, match=f"{wrong} is no setting; {meant} is"):
        Settings.from_env({**LEAST, wrong: "1"})


def test_names_that_others_chose_are_theirs():
    theirs = ("WARMPOST_RELAY_EU", "WARMPOST_LOCAL_FAULTS", "WARMPOST_TESTS_X", "WARMPOST_OF_OURS", "OTHER")
    Settings.from_env({**LEAST, **dict.fromkeys(theirs, "1")})


def test_a_wrong_secret_is_not_repeated():
    with pytest.raises(SettingsError) as told:
        Settings.from_env({**LEAST, "WARMPOST_API_KEY": "wp_tip top"})
    assert "tip" not in str(told.value)


def test_what_is_set_is_taken():
    settings = Settings.from_env(
        LEAST
        | {
            "WARMPOST_CLAIM_BATCH": "50",
            "WARMPOST_RETRY_SECONDS": "1, 2.5,3",
            "WARMPOST_GIVE_UP_SECONDS": "10",
            "WARMPOST_DNS": "127.0.0.1:53, 127.0.0.2:54,",
            "WARMPOST_OIDC_SIGNATURE": "platform",
            "WARMPOST_TIME_ZONE": "Asia/Shanghai",
            "WARMPOST_HOSTNAME": "out.example.com",
            "WARMPOST_CONNECTIONS": "3",
        }
    )
    assert settings.policy.claim_batch == 50
    assert settings.policy.retries.delays == (1.0, 2.5, 3.0)
    assert settings.policy.retries.give_up == 10.0
    assert settings.dns == ("127.0.0.1:53", "127.0.0.2:54")
    assert not settings.verify_signature
    assert settings.policy.time_zone == "Asia/Shanghai"
    assert settings.hostname == "out.example.com"
    assert settings.policy.shared_pool.relays[0].max_connections == 3


def test_secrets_are_read_by_name_and_the_relays_password_from_its_url():
    env = {"WARMPOST_RELAY": "smtp://user:pa%2Fss@r.example", "OTHER": " word\n"}
    assert secret("WARMPOST_RELAY", env) == "pa/ss"
    assert secret("OTHER", env) == "word"
    assert secret("ABSENT", env) == ""


def test_no_secret_shows_when_settings_are_printed():
    env = LEAST | {"WARMPOST_RELAY": "smtp://u:topsecret@r.example", "WARMPOST_API_KEY": "wp_first_key"}
    shown = repr(Settings.from_env(env))
    assert "topsecret" not in shown
    assert "wp_first_key" not in shown
    assert repr(bytes(range(32))) not in shown


@pytest.mark.parametrize(
    "url",
    [
        "track.example.com",
        "https://t.example/?x",
        'https://t.example/"',
        "https://t.example/a b",
        "ftp://t.example",
    ],
)
def test_a_tracking_url_stands_in_html_and_headers_as_it_is(url):
    with pytest.raises(SettingsError, match="WARMPOST_TRACK_URL"):
        Settings.from_env(LEAST | {"WARMPOST_TRACK_URL": url})
