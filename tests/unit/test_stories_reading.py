"""A story is read as a marketer writes it, and what is wrong in it is said with line and remedy."""

import re
from datetime import UTC, datetime, time, timedelta
from zoneinfo import available_timezones

import pytest

from sekvens.errors import SettingsError
from sekvens.flows.catalogue import CATALOGUE
from sekvens.settings import load_settings
from sekvens.simulator.acts import VERBS, Belongings, read_act
from sekvens.simulator.reading import StoryError
from sekvens.simulator.stage import set_stage
from sekvens.simulator.story import When
from tests.unit.telling_stories import read

ABOUT = {
    "look": "a product", "ask": "a-hat", "add": "a-hat", "buy": "a-hat", "click": "3",
    "answer": "still-interested with no", "need help": "a-hat", "move": "New York",
    "born": "03-20", "pause": "14", "leave out": "news", "want": "news",
}  # fmt: skip
#: What changes no log: where somebody lives, a trait, and a click, which names an e-mail.
NO_EVENT = {"move", "born", "click"}


@pytest.mark.parametrize("verb", VERBS)
def test_every_sentence_is_understood_and_does_something(verb: str):
    act = read_act(VERBS[verb].replace("{}", ABOUT.get(verb, "")) + " on day 3")
    belongings = Belongings(orders=["anna-order-1"])

    assert act.verb == verb
    assert act.when == When(after=timedelta(days=3), at=time(12))
    assert bool(list(belongings.events_of(act, whose="anna"))) == (verb not in NO_EVENT)


@pytest.mark.parametrize(
    ("said", "when"),
    [
        ("", When()),
        ("on day 0", When()),
        ("on day 3", When(after=timedelta(days=3), at=time(12))),
        ("on day 3 at 09:30", When(after=timedelta(days=3), at=time(9, 30))),
        ("after 2d 3h", When(after=timedelta(days=2, hours=3))),
        ("70 days ago", When(after=-timedelta(days=70))),
        ("one minute before e-mail 4", When(after=-timedelta(minutes=1), email=4)),
        ("two hours after e-mail a/b", When(after=timedelta(hours=2), email="a/b")),
    ],
)  # fmt: skip
def test_every_way_to_say_when_is_understood(said: str, when: When):
    assert read_act(f"unsubscribes {said}".strip()).when == when


def test_a_click_that_says_no_time_comes_after_its_e_mail():
    assert read_act("clicks e-mail 2").when == When(after=timedelta(minutes=30), email=2)


def test_a_place_is_its_time_zone():
    assert read_act("moves to New York").about == "America/New_York"
    assert read_act("moves to Europe/London").about in available_timezones()


STORY = """\
about = "A test."
starts = 2026-03-04T12:00:00Z
days = 30
ses = ["down on day 5 from 08:00 for 6h"]

[contacts.anna]
zone = "Europe/London"
does = ["subscribes", "buys on day 3"]

[population]
contacts = 10

[population.a_month]
"looks at" = 2.5

[sending]
marketing_per_day = 2
"""


def test_a_story_is_read(tmp_path):
    story = read(STORY, tmp_path)
    stage = set_stage(story, load_settings({}), CATALOGUE)

    assert [person.name for person in story.people] == ["anna"]
    assert story.population is not None
    assert story.population.a_month == {"look": 2.5}
    assert story.outages[0].begins == datetime(2026, 3, 9, 7, 0, tzinfo=UTC)  # 08:00 of the shop's
    assert story.outages[0].ends - story.outages[0].begins == timedelta(hours=6)
    assert stage.rules.per_day == 2


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("buys on day 3", "bys on day 3", 8, "did you mean “buys"),
        ("buys on day 3", "moves to Stokholm", 8, "did you mean Stockholm?"),
        ("buys on day 3", "clicks e-mail two-ish", 8, "write its number, or its name"),
        ("buys on day 3", "buys on day 3 at 25:00", 8, "write it like 09:30"),
        ("days = 30", "days = 0", 3, "from 1 to"),
        ("days = 30", "days = true", 3, "must be a number"),
        ("buys on day 3", "buys on day three", 8, "write “on day 3”"),
        ("buys on day 3", "bounces after 3 days", 8, "says when, but not so that we know"),
        ("buys on day 3", "buys on day 31", 8, "the story is over on day 30"),
        ("buys on day 3", "clicks e-mail 0", 8, "the first is e-mail 1"),
        ("buys on day 3", "tells the birthday 31-12", 8, "write month and day, 03-20"),
        ("contacts = 10", "contacts = 10\nclicks = 2", 12, "from 0 to 1"),
        ("contacts = 10", 'contacts = 10\nseed = "a"', 12, "seed must be a number"),
        ("contacts = 10", 'contacts = 10\nzones = ["x"]', 12, "write zones = {"),
        ("days = 30", 'stock = ["a-hat is gone"]', 3, "write “a-hat is sold out on day 3”"),
        ("days = 30", 'stock = ["a-hat is back on day 3 at 27:00"]', 3, "write it like 09:30"),
        ("from 08:00", "from 28:00", 4, "write it like 09:30"),
        ("days = 30", 'days = "many"', 3, "must be a number"),
        ("days = 30", "dayz = 30", 3, "a story has no “dayz”; it has about"),
        ("Europe/London", "Europe/Lundun", 7, "no time zone is called"),
        ("12:00:00Z", "12:00:00", 2, "write the zone as well"),
        ("down on day 5 from 08:00 for 6h", "slow", 4, "write “down on day 5”"),
        ('"looks at"', '"peers at"', 14, "is none of"),
        ("contacts = 10", "contacts = -1", 10, "from 1 to"),
        ('about = "A test."', "about = A test.", 1, "no TOML"),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_remedy(old, new, line, says, tmp_path):
    with pytest.raises(StoryError) as raised:
        read(STORY.replace(old, new), tmp_path)

    assert str(raised.value).startswith(f"{tmp_path / 'a-story.toml'}, line {line}: ")
    assert says in str(raised.value)


def test_a_story_of_nobody_is_refused(tmp_path):
    with pytest.raises(StoryError, match="nobody is in it"):
        read("days = 3", tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('off = ["welcom"]\n[contacts.a]', "“welcom” is no flow; did you mean welcome?"),
        ('[contacts.a]\nlocale = "xx"', "“xx” is no language of the shop; there is en, sv"),
        ('[contacts.a]\ndoes = ["clicks e-mail welcome/helo"]', "did you mean welcome/hello?"),
        ('[contacts.a]\ndoes = ["buys 2 days after e-mail a/b"]', "“a/b” is no e-mail"),
        ('[contacts.a]\ndoes = ["wants nothing about gnus"]', "there is news, occasions"),
        ('[contacts.a]\n[sending]\nquiet_form = "21:00"', "quiet_from, quiet_until"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_is_told_with_what_is(text, says, tmp_path):
    story = read(text, tmp_path)

    with pytest.raises(SettingsError, match=re.escape(says)):
        set_stage(story, load_settings({}), CATALOGUE)


def test_a_product_may_be_called_whatever_it_is():
    assert read_act("buys a-shirt-in-blue on day 3").about == "a-shirt-in-blue"
