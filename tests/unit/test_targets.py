"""Where links lead: numbered within their place, tagged only for the shop, never led elsewhere."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekvens.db.session import Database
from sekvens.messages.blocks import Block
from sekvens.messages.footer import Footer
from sekvens.messages.letter import Frame, Layout
from sekvens.messages.links import (
    answer_url,
    click_url,
    has_token,
    read_click_link,
    unsubscribe_url,
)
from sekvens.messages.markdown import Prose, block_mark
from sekvens.messages.source import Written
from sekvens.messages.tagging import Tags
from sekvens.messages.targets import Targets, as_header, leading
from sekvens.messages.templates import read_layout
from sekvens.messages.views import StoryView
from sekvens.ses.testing import TakenThen
from tests.unit.composing import composed, sample_shop
from tests.unit.engaging import BODY, NEWS, PRESS, TAGGED_NEWS, ClickOffice
from tests.unit.sending import API, PostOffice

TAGS = Tags(source="sekvens", medium="email", campaign="welcome", content="hello",
            hosts=frozenset({"shop.example", "www.shop.example"}))  # fmt: skip
UTM = "utm_source=sekvens&utm_medium=email&utm_campaign=welcome&utm_content=hello"


def targets(**more: object) -> Targets:
    return Targets(api=API, message_id="m-1", **({"through_us": True} | more))  # type: ignore[arg-type]


# 1. Tags


@pytest.mark.parametrize(
    ("url", "tagged"),
    [
        ("https://shop.example/a", f"https://shop.example/a?{UTM}"),
        ("https://www.shop.example/a#b", f"https://www.shop.example/a?{UTM}#b"),
        ("https://shop.example/a?b=%20c", f"https://shop.example/a?b=%20c&{UTM}"),
        ("https://shop.example/a?", f"https://shop.example/a?{UTM}"),
        ("https://other.example/a", "https://other.example/a"),
        ("https://notshop.example/a", "https://notshop.example/a"),
        ("https://shop.example.evil.example/", "https://shop.example.evil.example/"),
        ("https://shop.example@evil.example/", "https://shop.example@evil.example/"),
    ],
)
def test_only_links_into_the_shop_are_tagged_and_nothing_else_of_them_changes(url, tagged):
    assert TAGS.on(url) == tagged


def test_a_tag_that_an_author_wrote_is_kept():
    tagged = TAGS.on("https://shop.example/a?UTM_campaign=july&utm_content=")

    assert dict(parse_qsl(urlsplit(tagged).query, keep_blank_values=True)) == {
        "UTM_campaign": "july", "utm_content": "", "utm_source": "sekvens", "utm_medium": "email",
    }  # fmt: skip


def test_tags_twice_are_tags_once():
    once = TAGS.on("https://shop.example/a?b=c#d")

    assert TAGS.on(once) == once


@given(st.text(st.characters(codec="ascii", exclude_characters="#\t\r\n"), max_size=40))
def test_whatever_a_query_says_it_still_says_it(query):
    tagged = TAGS.on(f"https://shop.example/a?{query}#end")

    assert tagged.startswith(f"https://shop.example/a?{query}")
    assert tagged.endswith("#end")


# 2. Through us


def test_each_link_is_numbered_within_its_place_and_a_target_that_comes_again_is_one():
    found = targets()
    with found.placed("delivery_status"):
        found.href("https://post.example/1")
    for url in ("https://a.example/", "https://b.example/", "https://a.example/"):
        found.href(url)

    assert found.by_id == {
        "delivery-status": "https://post.example/1",
        "letter": "https://a.example/",
        "letter-2": "https://b.example/",
    }


def test_the_address_of_a_link_carries_ids_alone():
    url = targets().href("https://a.example/secret?cart=17")
    link = read_click_link(API, url.rpartition("/")[2])

    assert "secret" not in url
    assert link is not None
    assert (link.message_id, link.link_id) == ("m-1", "letter")


@pytest.mark.parametrize("url", ["mailto:m@a.example", "tel:+4670", "https://pic.example/a.png"])
def test_what_is_no_link_to_the_web_stays_as_it_is(url):
    found = targets()
    with found.placed("story", spared=frozenset({"https://pic.example/a.png"})):
        assert found.href(url) == url
    assert not found.by_id


def test_links_that_act_for_the_contact_stay_as_they_are():
    ids = {"contact_id": "c-1", "message_id": "m-1"}
    own = [
        unsubscribe_url(API, **ids),
        answer_url(API, **ids, question="how-was-it", answer="7"),
        click_url(API, message_id="m-1", link_id="letter"),
    ]

    assert [targets().href(url) for url in own] == own
    assert not has_token(API, "https://post.shop.example/products/wool.jacket")
    assert not has_token(API, own[0].replace("post.shop", "evil"))


def test_what_was_sent_once_is_never_led_elsewhere():
    found = targets(known={"letter": "https://old.example/", "letter-3": "https://x.example/"})
    for url in ("https://new.example/", "https://old.example/", "https://newer.example/"):
        found.href(url)

    assert found.by_id == {
        "letter": "https://old.example/", "letter-3": "https://x.example/",
        "letter-2": "https://new.example/", "letter-4": "https://newer.example/",
    }  # fmt: skip


@given(st.text(min_size=1, max_size=30))
def test_a_header_takes_any_target_and_no_target_makes_another_header(text):
    written = as_header(f"https://räksmörgås.example/{text}")

    assert written.isascii()
    assert written.startswith("https://xn--rksmrgs-5wao1o.example/")
    assert not set(written) & set("\r\n \0")


@pytest.mark.parametrize("host", ["å" * 80, "å.example:99999", "å..example"])
def test_a_host_that_cannot_be_is_written_all_the_same(host):
    assert as_header(f"https://{host}/a").isascii()


# 3. In e-mails


def test_without_targets_every_link_leads_straight_to_where_it_leads():
    made = composed(BODY)

    assert f'href="{NEWS}"' in made.html
    assert f"<{PRESS}>" in made.text


def test_a_picture_that_a_pinned_layout_writes_as_a_link_is_no_link():
    story = StoryView(title="En vante", text=Prose(f"[hem]({PRESS})"), author="Kim",
                      picture_url="https://shop.example/1.jpg", picture_alt="En vante")  # fmt: skip
    found = targets()
    written = Written(subject="", preheader="", markdown=block_mark(0), values=(),
                      blocks=(Block(macro="story", arguments={"story": story}),))  # fmt: skip
    frame = Frame(subject="", preheader="", locale="sv", is_marketing=False, unsubscribe_url=None,
                  shop=sample_shop(), view=None, asked={},
                  footer=Footer(locale="sv"))  # type: ignore[arg-type]  # fmt: skip
    with leading(found):
        html = Layout(read_layout(), locale="sv").html(written, frame)

    assert 'src="https://shop.example/1.jpg"' in html
    assert found.by_id["story"] == PRESS
    assert "https://shop.example/1.jpg" not in found.by_id.values()


def test_both_parts_of_a_letter_lead_through_us_and_nothing_else_does(database: Database):
    office = ClickOffice(database)
    links, (html, text) = office.links(), office.parts()

    assert office.targets()["letter"] == TAGGED_NEWS
    assert set(office.targets()) == {"letter", "letter-2", "frame"} == set(links)
    assert NEWS not in html + text
    assert all(f'href="https://post.shop.example{path}"' in html for path in links.values())
    assert all(f"https://post.shop.example{path}" in text for path in links.values())
    assert 'href="mailto:m@a.example"' in html
    assert "https://post.shop.example/u/" in html


@pytest.mark.parametrize(
    ("allows", "clicks", "leads"),
    [("clicks", "consent", True), (None, "consent", False), ("opens", "consent", False),
     (None, "always", True), ("clicks", "never", False)],
)  # fmt: skip
def test_links_of_whoever_has_not_allowed_it_stay_as_they_are(
    sqlite_database: Database, allows, clicks, leads
):
    office = ClickOffice(sqlite_database, allows=allows, clicks=clicks)
    office.send()

    assert ("/c/" in office.parts()[0]) is leads
    assert (office.targets() != {}) is leads
    assert "utm_source=sekvens" in office.parts()[0] + str(office.targets())


def test_a_shop_that_wants_no_tags_gets_none(sqlite_database: Database):
    office = ClickOffice(sqlite_database, allows=None, utm_source="")
    office.send()

    assert "utm_" not in office.parts()[0]


def test_the_targets_are_there_before_ses_has_the_message(sqlite_database: Database):
    office, seen = ClickOffice(sqlite_database), []
    office.ses.during = lambda _: seen.append(office.targets())
    office.send()

    assert TAGGED_NEWS in seen[0].values()


def test_a_message_made_again_keeps_what_the_first_may_have_led_to(sqlite_database: Database):
    office = ClickOffice(sqlite_database)
    office.ses.faults.append(TakenThen(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        office.send()
    office.tracking = type(office.tracking)(utm_source="newer")
    message, before = office.message(), office.targets()
    sealed = office.another_sender()._envelope.fill(office.order(), message.id, "m@a.example")

    assert before.items() <= sealed.targets.items()
    assert sealed.targets["letter-3"] == TAGGED_NEWS.replace("sekvens", "newer")


@pytest.mark.parametrize(("allows", "opens", "tracks"), [
    ("opens", "consent", True), ("clicks", "consent", False), ("opens", "never", False),
])  # fmt: skip
def test_ses_reports_opens_only_of_whoever_has_allowed_it(
    sqlite_database: Database, allows, opens, tracks
):
    office = ClickOffice(sqlite_database, allows=allows, opens=opens)
    office.send()

    assert office.ses.accepted[0].tracks_opens is tracks


def test_nobodys_opens_are_reported_unless_somebody_says_so(sqlite_database: Database):
    office = PostOffice(sqlite_database)
    office.happens("Tracking Allowed", of="opens")
    office.send()

    assert office.ses.accepted[0].tracks_opens is False
