"""A story that is lived in memory and on the real services has the same trace on both.

What was sent, what was skipped and why, and how each enrollment ended. The services are the real
ones (Temporal, worker, relay, API, database, local SES) under a shop clock whose days are short.
"""

from datetime import timedelta

import pytest

from sekvens.clock import SystemClock
from sekvens.demo.place import Place
from sekvens.flows.catalogue import CATALOGUE
from sekvens.settings import load_settings
from sekvens.simulator.acts import read_act
from sekvens.simulator.moments import What
from sekvens.simulator.on_services import Told, live_on_services
from sekvens.simulator.read_back import differences, lateness
from sekvens.simulator.story import Person, Story
from tests.e2e.stack import Stack, logs_on_failure, running_stack
from tests.unit.telling_stories import HOME, START

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

#: How many seconds a day lasts. A machine that is too busy to keep such a clock proves nothing, and
#: the story is told again with longer days.
DAYS_LAST = (12.0, 40.0)
#: Everything in the stories is this far away from what it must not overtake.
LATE = timedelta(hours=4)
CALM = {
    "SENDING__QUIET_FROM": "21:00",
    "SENDING__QUIET_UNTIL": "08:00",
    "SENDING__MARKETING_PER_DAY": "1",
    "SENDING__MARKETING_PER_WEEK": "4",
}
STORIES = {
    "anna": ("subscribes",),
    "berit": (
        "subscribes",
        "puts a-hat into the cart on day 1 at 08:00",
        "buys a-hat on day 2 at 19:00",
    ),
    "cecilia": ("subscribes", "unsubscribes on day 1"),
    "doris": (
        "subscribes",
        "looks at a-hat on day 1 at 08:00",
        "looks at a-hat on day 1 at 08:20",
        "looks at a-hat on day 1 at 08:40",
        "puts a-hat into the cart on day 2 at 19:00",
    ),
    "ebba": ("subscribes", "pauses for 30 days on day 1"),
    "frida": ("puts a-hat into the cart on day 1", "buys a-hat on day 1 at 18:00"),
}


STORY = Story(name="real", about="", starts=START, days=3)


def test_a_story_has_the_same_trace_in_memory_and_on_the_real_services(tmp_path_factory, request):
    for day_seconds in DAYS_LAST:
        folder = tmp_path_factory.mktemp("story")
        with running_stack(folder, day_seconds=day_seconds, settings=CALM) as stack:
            told = tell_it(stack)
            late = lateness_of(told)
            with logs_on_failure(stack, request):
                if late > LATE and day_seconds != DAYS_LAST[-1]:
                    continue
                compare(told, late)
                return


def tell_it(stack: Stack) -> Told:
    people = [
        Person(name=name, zone=HOME, acts=tuple(map(read_act, does)))
        for name, does in STORIES.items()
    ]
    place = Place(
        site=stack.site,
        environ=stack.environ,
        settings=load_settings(stack.environ),
        database=stack.database,
        processes=stack.processes,
    )
    return live_on_services(STORY, people, place, SystemClock(), flows=CATALOGUE)


def compare(told: Told, late: timedelta) -> None:
    seen = {moment.what for lived in told.in_memory for moment in lived.moments}
    assert {What.ENTERS, What.SENT, What.SKIPPED, What.LEFT} <= seen
    found = [differences(*both) for both in zip(told.in_memory, told.on_services, strict=True)]
    assert found == [[] for _ in STORIES], f"late by {late}"


def lateness_of(told: Told) -> timedelta:
    """Tell by how much the latest e-mail left later than in memory; one that did not, by a day."""
    late = [lateness(*both) for both in zip(told.in_memory, told.on_services, strict=True)]
    return max(timedelta(days=1) if each is None else each for each in late)
