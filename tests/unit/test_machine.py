"""Is it a person? Properties and examples of the judge."""

from datetime import timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.engagement.machine import (
    BURST_MESSAGES,
    BURST_WITHIN,
    DELIVERY_MIN,
    TOGETHER,
    Asked,
    Click,
    Reason,
    judge_among,
    judge_open,
    judge_request,
)
from tests.unit.engaging import BROWSER
from tests.unit.ingesting import NOON

HOUR = timedelta(hours=1)
CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0"
APPLE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15"
BROWSERS = [
    BROWSER,
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36 Edg/131.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    f"Mozilla/5.0 (Linux; Android 14; CUBOT P80) {CHROME} Mobile Safari/537.36",
    f"{APPLE} Mobile/15E148 Instagram 355.0.0.41.90 (iPhone15,2; iOS 18_1; sv_SE)",
    f"Mozilla/5.0 (Linux; U; Android 13; sv-se) {CHROME} SamsungBrowser/27.0 Mobile Safari",
]
TOOLS = [
    "curl/8.5.0", "python-requests/2.32.3", "python-httpx/0.28.1", "Go-http-client/1.1",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0)", "Slackbot-LinkExpanding 1.0", "Twitterbot/1.0",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0) BingPreview/1.0b", "Barracuda Sentinel (EE)", "okhttp/4.12.0",
    "Java/17.0.2", "Wget/1.21", "facebookexternalhit/1.1", "Mimecast-URL-Scanner", "axios/1.7.9",
]  # fmt: skip


@pytest.mark.parametrize("agent", BROWSERS)
def test_a_browser_is_a_person(agent):
    assert judge_request(Asked(agent=agent), since_sent=HOUR) is None


@pytest.mark.parametrize("agent", TOOLS)
def test_a_tool_that_says_so_is_a_machine(agent):
    assert judge_request(Asked(agent=agent), since_sent=HOUR) is Reason.AGENT


@pytest.mark.parametrize(("agent", "ip", "reason"), [
    ("Mozilla/5.0", "2.3.4.5", Reason.NO_AGENT),
    ("Mozilla/5.0 (Windows NT 5.1) (via ggpht.com GoogleImageProxy)", "2.3.4.5", Reason.AGENT),
    ("YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy.html", None, Reason.AGENT),
    (BROWSER, "17.58.1.2", Reason.NETWORK),
    (BROWSER, "::ffff:17.58.1.2", Reason.NETWORK),
    (BROWSER, "2.3.4.5", None),
    (BROWSER, "no address", None),
])  # fmt: skip
def test_a_prefetch_of_pictures_is_a_machine_s_open(agent, ip, reason):
    assert judge_open(agent, ip) is reason


def test_networks_that_the_shop_names_are_machines():
    networks = [ip_network("203.0.113.0/24"), ip_network("2001:db8::/32")]
    ips = ("203.0.113.9", "2001:db8::1", "203.0.114.1")
    verdicts = [
        judge_request(Asked(agent=BROWSER, ip=ip), since_sent=HOUR, networks=networks) for ip in ips
    ]

    assert verdicts == [Reason.NETWORK, Reason.NETWORK, None]


@pytest.mark.parametrize("header", ["Purpose", "Sec-Purpose", "X-Purpose", "X-Moz"])
@pytest.mark.parametrize("value", ["prefetch", "prefetch;prerender", "preview"])
def test_what_a_browser_fetches_ahead_is_no_click(header, value):
    asked = Asked(agent=BROWSER, headers={header.lower(): value})

    assert judge_request(asked, since_sent=HOUR) is Reason.AHEAD


@given(st.sampled_from(["HEAD", "OPTIONS"]), st.text(max_size=60))
def test_whoever_asks_for_the_head_alone_is_a_machine(method, agent):
    assert judge_request(Asked(method=method, agent=agent), since_sent=HOUR) is Reason.HEAD


@given(st.timedeltas(timedelta(hours=-1), timedelta(days=400)))
def test_nobody_clicks_before_a_message_can_have_been_read(since_sent):
    verdict = judge_request(Asked(agent=BROWSER), since_sent=since_sent)

    assert (verdict is Reason.TOO_SOON) == (since_sent < DELIVERY_MIN)


@given(st.text(max_size=200), st.text(max_size=60))
def test_whatever_is_said_there_is_a_verdict(agent, ip):
    verdict = judge_request(Asked(agent=agent, ip=ip), since_sent=None)

    assert verdict is None or verdict in Reason


def click(
    seconds: float = 0,
    *,
    link: str = "a",
    message: str = "m-1",
    visitor: str | None = None,
    is_machine: bool = False,
) -> Click:
    return Click(message_id=message, link_id=link, at=NOON + timedelta(seconds=seconds),
                 visitor=visitor, is_machine=is_machine)  # fmt: skip


seconds = st.floats(-30, 30, allow_nan=False).map(lambda value: round(value, 3))
clicks = st.builds(
    click,
    seconds,
    link=st.sampled_from("abc"),
    message=st.sampled_from([f"m-{number}" for number in range(8)]),
    visitor=st.sampled_from([None, "v", "w"]),
    is_machine=st.booleans(),
)


@given(seconds, st.booleans())
def test_several_links_of_a_message_within_a_second_are_a_machine_in_either_order(apart, turned):
    one, other = click(), click(apart, link="b")
    verdict = judge_among(other, [one]) if turned else judge_among(one, [other])

    assert (verdict is Reason.SEVERAL_LINKS) == (abs(timedelta(seconds=apart)) <= TOGETHER)


@given(st.lists(seconds, max_size=20))
def test_one_link_again_and_again_is_an_impatient_person(times):
    assert judge_among(click(), [click(at) for at in times]) is None


@given(st.integers(1, 12))
def test_one_address_in_many_messages_at_once_is_a_machine(messages):
    others = [click(0.5 * n, message=f"o-{n}", visitor="v") for n in range(1, messages)]
    verdict = judge_among(click(visitor="v"), others)

    assert (verdict is Reason.BURST) == (messages >= BURST_MESSAGES)
    assert judge_among(click(), others) is None


def test_a_burst_that_is_over_says_nothing_of_the_next_click():
    late = BURST_WITHIN.total_seconds() + 0.1
    others = [click(message=f"o-{n}", visitor="v") for n in range(12)]

    assert judge_among(click(late, visitor="v"), others) is None


def test_what_was_a_machine_about_a_message_is_one_in_its_next_request():
    head = click(-0.2, visitor="v", is_machine=True)

    assert judge_among(click(visitor="v"), [head]) is Reason.BESIDE
    assert judge_among(click(visitor="w"), [head]) is None
    assert judge_among(click(visitor="v", message="m-2"), [head]) is None


@given(clicks, st.lists(clicks, max_size=8), clicks)
def test_more_evidence_never_makes_a_machine_a_person(one, others, more):
    before = judge_among(one, others)

    assert before is None or judge_among(one, [*others, more]) is not None


@given(clicks, st.lists(clicks, max_size=8), st.randoms())
def test_the_order_of_the_evidence_changes_no_verdict(one, others, chances):
    shuffled = list(others)
    chances.shuffle(shuffled)
    verdicts = [judge_among(one, each) is None for each in (others, shuffled)]

    assert verdicts[0] == verdicts[1]
