"""Every link of every shipped e-mail leads, through us, to where the e-mail led without us."""

import re

import pytest

from sekvens.messages.compose import compose
from sekvens.messages.links import has_token, read_click_link
from sekvens.messages.tagging import tags_for
from sekvens.messages.targets import Targets
from sekvens.shop import Shop
from sekvens.tracking_section import TrackingSettings
from tests.unit.composing import sample_shop
from tests.unit.sending import API
from tests.unit.test_every_email import EMAILS, Email, Page, _shop_and_facts, _template, ids

URL = re.compile(r"https?://[^\s<>]+")
TAGS = re.compile(r"utm_(?:source|medium|campaign|content)=[^&#]*&?")


def targets_of(email: Email, shop: Shop, *, through_us: bool = True) -> Targets:
    flow, step_id = email.name.split("/")
    tags = tags_for(TrackingSettings(), shop, flow=flow, step_id=step_id)
    return Targets(api=API, message_id="m-1", tags=tags, through_us=through_us)


def led(targets: Targets, url: str) -> str:
    """Follow a link as the redirector does, and take the tags off again."""
    link = read_click_link(API, url.rpartition("/")[2])
    target = targets.by_id[link.link_id] if link else url
    return re.sub(r"[?&](?=#|$)", "", TAGS.sub("", target))


@pytest.mark.parametrize("email", EMAILS, ids=ids)
def test_every_link_of_every_e_mail_leads_through_us_to_where_it_leads(email: Email):
    template, (shop, facts) = _template(email.name), _shop_and_facts(email)
    straight = compose(template, facts, shop=shop)
    targets = targets_of(email, shop)
    made = compose(template, facts, shop=shop, targets=targets)
    before, after = Page(straight.html), Page(made.html)

    assert [led(targets, url) for url in after.links] == before.links
    assert [image["src"] for image in after.images] == [image["src"] for image in before.images]
    assert len(made.html.encode()) < 80_000
    in_text = [[led(targets, url) for url in URL.findall(part.text)] for part in (straight, made)]
    assert in_text[0] == in_text[1]


def test_the_links_of_a_letter_are_few_named_and_the_same_each_time():
    email = Email("cart-abandonment/your-cart-misses-you", "sv")
    template, (shop, facts) = _template(email.name), _shop_and_facts(email)
    made = []
    for _ in range(2):
        targets = targets_of(email, shop)
        compose(template, facts, shop=shop, targets=targets)
        made.append(targets.by_id)

    assert made[0] == made[1]
    assert {name.split("-")[0] for name in made[0]} <= {"frame", "button", "product", "letter"}


def test_a_link_that_acts_for_the_contact_is_known_by_its_form_alone():
    assert has_token(API, f"{API.public_url}/p/bS0x.{'a' * 22}?lang=sv")
    assert not has_token(API, f"{API.public_url}/p/bS0x.{'a' * 23}")
    assert not has_token(API, f"{sample_shop().links.home}p/bS0x.{'a' * 22}")
