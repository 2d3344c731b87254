import pytest

from warmpost.rules.tracking.bots import is_machine

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
OUTLOOK = (
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.17328)"
)
CUBOT = "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
GMAIL_AHEAD = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 "
    "Edge/12.246 Mozilla/5.0"
)


@pytest.mark.parametrize("agent", [SAFARI, OUTLOOK, CUBOT])
def test_people_are_no_machines(agent):
    assert not is_machine("opened", agent, "GET", 60.0)
    assert not is_machine("clicked", agent, "GET", 60.0)
    assert not is_machine("clicked", agent, "GET", None)


def test_apple_and_gmail_fetch_ahead_for_everybody():
    for agent in ("Mozilla/5.0", "", GMAIL_AHEAD):
        assert is_machine("opened", agent, "GET", 3600.0)


@pytest.mark.parametrize("agent", [GMAIL, YAHOO])
def test_a_proxy_tells_of_a_person_unless_it_comes_at_once(agent):
    assert not is_machine("opened", agent, "GET", 60.0)
    assert is_machine("opened", agent, "GET", 5.0)


@pytest.mark.parametrize(
    "agent",
    [
        "BarracudaCentral/1.0",
        "Mozilla/5.0 (compatible; Proofpoint URL Defense)",
        "Mimecast/1.0",
        "Mozilla/5.0 SafeLinks",
        "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
        "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
        "curl/8.5.0",
        "python-requests/2.32",
        "Go-http-client/2.0",
        "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0",
    ],
)
def test_scanners_and_programs_are_machines(agent):
    assert is_machine("clicked", agent, "GET", 3600.0)
    assert is_machine("opened", agent, "GET", 3600.0)


def test_nobody_has_read_a_message_seconds_after_its_sending():
    assert is_machine("clicked", SAFARI, "GET", 5.0)
    assert is_machine("opened", SAFARI, "GET", 1.0)
    assert not is_machine("opened", SAFARI, "GET", 5.0)


def test_who_asks_for_the_head_only_looks_at_nothing():
    assert is_machine("clicked", SAFARI, "HEAD", 3600.0)
