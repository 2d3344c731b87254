import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from infra.checks import crawlers
from warmpost.rules.tracking.bots import PROXIES, is_machine

SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
OUTLOOK = (
    "Mozilla/4.0 (compatible; MSIE 7.0; Windows NT 10.0; WOW64; Trident/7.0; Microsoft Outlook 16.0.17328)"
)
CUBOT = "Mozilla/5.0 (Linux; Android 13; CUBOT P80) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Mobile Safari/537.36"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
FASTMAIL, SHORTWAVE = "FastmailUA/1.0", "Shortwave Image Fetcher"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
GMAIL_AHEAD = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/42.0.2311.135 Safari/537.36 "
    "Edge/12.246 Mozilla/5.0"
)


PEOPLE = [
    SAFARI,
    OUTLOOK,
    CUBOT,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Thunderbird/128.5.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.41 Chrome/130.0.0.0 "
    "Electron/33.0.1 Safari/537.36",
    "Outlook-iOS/709.2226530.prod.iphone (3.24.1)",
    "Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/27.0 "
    "Chrome/125.0.0.0 Mobile Safari/537.36",
    "Mozilla/5.0 (Linux; Android 13; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/131.0.0.0 Mobile "
    "Safari/537.36 [FB_IAB/FB4A;FBAV/491.0.0.0;]",
    "Mozilla/5.0 (Linux; Android 12; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/107.0 Mobile "
    "Safari/537.36 XWEB/5279 MMWEBSDK/20230805 MicroMessenger/8.0.42.2460 WeChat/arm64",
    "Mozilla/5.0 (X11; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36 "
    "Edg/131.0.0.0 OPR/116.0.0.0",
]


@pytest.mark.parametrize("agent", PEOPLE)
def test_people_are_no_machines(agent):
    assert not is_machine("opened", agent, "GET", 60.0)
    assert not is_machine("clicked", agent, "GET", 60.0)
    assert not is_machine("clicked", agent, "GET", None)


def test_apple_and_gmail_fetch_ahead_for_everybody():
    for agent in ("Mozilla/5.0", "", GMAIL_AHEAD):
        assert is_machine("opened", agent, "GET", 3600.0)


@pytest.mark.parametrize("agent", [GMAIL, YAHOO, FASTMAIL, SHORTWAVE])
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
        "Wget/1.21",
        "LWP::Simple/6.67",
        "axios/1.7.7",
        "GuzzleHttp/7",
        "Java/17.0.2",
        "okhttp/4.12.0",
        "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
        "WhatsApp/2.23.20.0",
        "Mozilla/5.0 (compatible; Yeti/1.1; +http://naver.me/spd)",
        "W3C_Validator/1.3",
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


def test_the_list_of_crawlers_is_that_of_the_package_that_keeps_it():
    """If not: `python -m infra.checks.crawlers`."""
    assert crawlers.FILE.read_text() == crawlers.listing()


def test_most_crawlers_that_are_known_by_an_example_are_machines():
    """Those that fetch for a person who opens are told apart by name."""
    known = [agent for one in CRAWLER_USER_AGENTS_DATA for agent in one["instances"]]
    missed = [agent for agent in known if not is_machine("opened", agent, "GET", 3600.0)]
    assert len(known) > 2000
    assert {name for agent in missed for name in PROXIES if name in agent.lower()} >= {
        "googleimageproxy",
        "fastmailua",
    }
    assert all(any(name in agent.lower() for name in PROXIES) for agent in missed)
