"""The flow file that `flows new` writes: a whole flow, to be changed rather than filled in."""

import textwrap
from dataclasses import dataclass

from sekvens.commands.new_flow_texts import FIRST, SECOND_TO_BUYERS, SECOND_TO_SHOPPERS
from sekvens.events.schema import EMAIL_SUBSCRIBED, ORDER_COMPLETED
from sekvens.flows.steps import Purpose
from sekvens.flows.validate import ABOUT_A_CART, SHOPPING

LINE_LENGTH = 100
#: Whose events say which product, or which order, they are about.
_ABOUT_A_PRODUCT = frozenset({"Product Viewed", "Product Reviewed", "Product Clicked"})
_ABOUT_AN_ORDER = ("Order ", "Return ")


@dataclass(frozen=True, kw_only=True)
class Draft:
    """What is asked for: a flow that starts on an event."""

    name: str  #: kebab-case
    trigger: str
    purpose: Purpose

    @property
    def module(self) -> str:
        """The file's name in the catalogue, without its ending."""
        return self.name.replace("-", "_")

    @property
    def constant(self) -> str:
        """What the flow is called in Python."""
        return self.module.upper()

    @property
    def sells(self) -> bool:
        """Tell whether it is marketing."""
        return self.purpose is Purpose.MARKETING

    @property
    def entry_key(self) -> str | None:
        """The property that tells one entry of a contact from another."""
        if self.trigger in ABOUT_A_CART:
            return "cart_id"
        if self.trigger in _ABOUT_A_PRODUCT:
            return "product_id"
        return "order_id" if self.trigger.startswith(_ABOUT_AN_ORDER) else None

    @property
    def steps(self) -> tuple[str, str]:
        """The ids of its two e-mails."""
        return FIRST, SECOND_TO_SHOPPERS if self.sells else SECOND_TO_BUYERS


def flow_source(draft: Draft) -> str:
    """Write the file, formatted as ruff formats it."""
    body = "".join(f"    {line}\n" for line in _arguments(draft))
    names = sorted(_builder_names(body), key=lambda name: (not name.isupper(), name))
    imported = "".join(f"    {name},\n" for name in names)
    return (
        f'"""{_docstring(draft)}\n"""\n\n'
        + ("from sekvens.flows.asking import subscribed\n" if draft.sells else "")
        + f"from sekvens.flows.builder import (\n{imported})\n"
        + "from sekvens.flows.definition import Flow\n"
        + ("from sekvens.flows.steps import ExitReason\n" if draft.sells else "")
        + '\nMORNING = local_time("09:00")\n'
        + ('ANOTHER_ORDER = event("Order Completed", other="order_id")\n' if _again(draft) else "")
        + f"\n{draft.constant}: Flow = flow(\n{body})\n"
    )


def _arguments(draft: Draft) -> list[str]:
    first, second = draft.steps
    key = draft.entry_key
    order = "ANOTHER_ORDER" if _again(draft) else f'"{ORDER_COMPLETED}"'
    lines = [
        f'"{draft.name}",',
        "version=1,",
        f"purpose={draft.purpose.name},",
        f'trigger=event("{draft.trigger}"),',
    ]
    if key:
        lines.append(f'entry_key="{key}",')
    if draft.sells:
        lines.append("entry=[subscribed()],")
    lines.append("reentry=once_each()," if key == "order_id" else "reentry=after(days(90)),")
    if draft.sells:
        lines += [
            f"exit_when=[exit_on({order}, ExitReason.CONVERTED)],",
            f"goal=goal({order}, within=days(14)),",
        ]
    return [*lines, "steps=[", *_steps(draft, first, second), "],"]


def _steps(draft: Draft, first: str, second: str) -> list[str]:
    if draft.trigger in SHOPPING:
        restart = f'"{draft.trigger}"'
        if draft.entry_key:
            restart = f'event("{draft.trigger}", same="{draft.entry_key}")'
        begin = [f'    wait("settle", hours(4), restart_on={restart}),']
    elif draft.sells and draft.trigger != EMAIL_SUBSCRIBED:
        begin = ['    wait("until-morning", until=MORNING),']
    else:
        begin = []
    return [
        *begin,
        f'    send("{first}"),',
        '    wait("until-day-three", days(2.5), until=MORNING),',
        f'    send("{second}"),',
    ]


def _again(draft: Draft) -> bool:
    """Tell whether it starts on an order, so that only another one may end it."""
    return draft.sells and draft.trigger == ORDER_COMPLETED


def _builder_names(body: str) -> set[str]:
    wanted = {"flow", "local_time"}
    for name in (
        *("MARKETING", "TRANSACTIONAL"),
        *("after", "days", "event", "exit_on", "goal", "hours", "once_each", "send", "wait"),
    ):
        if f"{name}(" in body or f"={name}," in body:
            wanted.add(name)
    # The pattern of another order is built above the flow.
    return wanted | ({"event"} if "ANOTHER_ORDER" in body else set())


def _docstring(draft: Draft) -> str:
    title = draft.name.replace("-", " ").capitalize()
    if draft.sells:
        what = (
            "to answer what may stand in the way, and then to say who is asking. It sells nothing "
            "yet: say here what your contacts gain by it."
        )
        again = " again" if _again(draft) else ""
        who = f"whoever orders{again}. They need no more persuading."
    else:
        what = (
            "to say whom to ask, and to ask whether all is well. It belongs to what the contact "
            "has done with us, so it is no marketing: nothing in it may advertise."
        )
        who = "nobody. Whatever makes these e-mails untrue belongs into exit_when."
    second = (
        "The second comes on day 3, at nine in the morning where the contact lives: the wait is "
        "half a day short of its days, so that the next nine o'clock is the one nearest to the "
        "day meant."
    )
    paragraphs = (
        f"{title}: two e-mails to somebody after “{draft.trigger}”.",
        f"What it is for: {what}",
        f"Why these times: {_times(draft)} {second}",
        f"Who leaves: {who}",
    )
    return "\n\n".join(textwrap.fill(text, LINE_LENGTH) for text in paragraphs)


def _times(draft: Draft) -> str:
    if draft.trigger in SHOPPING:
        return "the first follows after four quiet hours, or it would reach who is still there."
    if draft.sells and draft.trigger != EMAIL_SUBSCRIBED:
        return "the first comes on the next morning at nine, when there is time to read."
    return "the first goes at once, while the contact remembers."
