"""Names in a story that the shop and its flows must have: flows, e-mails, topics, languages."""

import difflib
from collections.abc import Collection, Iterator, Sequence

from sekvens.errors import SettingsError
from sekvens.flows.definition import Flow
from sekvens.flows.survey import sends
from sekvens.settings import Settings
from sekvens.simulator.story import Act, Person, Story


def check_names(story: Story, settings: Settings, flows: Sequence[Flow]) -> None:
    """See that whatever a story names is there.

    Raises:
        SettingsError: it is not; the text names the contact, what they wrote, and what is there.
    """
    emails = {f"{flow.name}/{send.id}" for flow in flows for send in sends(flow)}
    for name in story.off:
        _check(f"{story.name}: off", "flow", name, {flow.name for flow in flows})
    for person in story.people:
        where = f"{story.name}: {person.name}"
        if person.locale:
            _check(f"{where}: locale", "language of the shop", person.locale, settings.shop.locales)
        for act, email in _emails(person):
            _check(f"{where}: “{act.text}”", "e-mail", email, emails)
        for act in person.acts:
            if act.verb in ("leave out", "want"):
                topics = settings.consent.topics
                _check(f"{where}: “{act.text}”", "topic of the settings", act.about, topics)


def _emails(person: Person) -> Iterator[tuple[Act, str]]:
    for act in person.acts:
        if isinstance(act.when.email, str):
            yield act, act.when.email
        elif act.verb == "click" and not act.about.isdigit():
            yield act, act.about


def _check(where: str, what: str, name: str, known: Collection[str]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(sorted(known)) or 'none'}"
    raise SettingsError(f"{where}: “{name}” is no {what}; {hint}")
