"""The sentences of `why`, in each language that the staff reads: one for each reason there is.

A sentence speaks of one contact and one e-mail or flow. Instants are written in the shop's zone.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType, ModuleType
from typing import Final
from zoneinfo import ZoneInfo

from sekvens.flows import wording, wording_sv
from sekvens.messages.why_entry import Because

#: The words of flows, in each language.
WORDINGS: Final[Mapping[str, ModuleType]] = MappingProxyType({"en": wording, "sv": wording_sv})

_EN: Final = {
    "under_way": "They are in it since {at}, at {step}.",
    "parked": "The enrollment is parked at {step} ({reason}) until somebody looks.",
    "leaving": "They are about to leave it: {reason}.",
    "left": "They left it on {at}: {reason}.",
    "sent.accepted": "Sent on {at}; what became of it has not been reported yet.",
    "sent.delivered": "Sent on {at}, and delivered.",
    "sent.delayed": "Sent on {at}; the receiving server takes its time, and SES tries again.",
    "sent.soft_bounced": "Sent on {at}, and it came back: their server would not take it then.",
    "sent.bounced": "Sent on {at}, and it came back: there is no such mailbox.",
    "sent.complained": "Sent on {at} and delivered; they called it spam.",
    "sent.failed": "Sent on {at}, and it did not arrive, through a fault of ours.",
    "sent.rejected": "SES took it on {at} and rejected it afterwards: it found a virus in it.",
    "skipped.no_consent": "Not sent on {at}: they had not agreed to marketing (consent: {reason}).",
    "skipped.suppressed": "Not sent on {at}: their address is suppressed ({reason}).",
    "skipped.no_address": "Not sent on {at}: we had no address that SES would take.",
    "skipped.not_allowed": "Not sent on {at}: outside production, and the address is not on the "
    "allow-list.",
    "skipped.exited": "Not sent on {at}: they had already left the flow ({reason}).",
    "skipped.filter": "Not sent on {at}: it needs that {condition}, and that was not so.",
    "skipped.filter.then": "Not sent on {at}: a condition of the flow did not hold then; as far as "
    "is known today all of them do.",
    "skipped.frequency_cap": "Not sent: they had had as many e-mails as the settings allow, and "
    "it would have come too late (due {at}).",
    "skipped.quiet_hours_expired": "Not sent: quiet hours or blackout dates left no hour in which "
    "it was still of use (due {at}).",
    "skipped.stale": "Not sent: it could not leave in time, and would have come too late "
    "(due {at}).",
    "skipped.rejected": "Not sent on {at}: SES refused it for good ({reason}).",
    "skipped.outcome_unknown": "Perhaps sent on {at}: SES did not answer, and marketing is never "
    "sent twice.",
    "skipped.operator": "Not sent on {at}: somebody on the staff skipped it.",
    "skipped.holdout": "Not sent on {at}: the lot keeps all marketing from them, for comparison.",
    "skipped.draft": "Not sent on {at}: the step, or the flow, was a draft.",
    "skipped.not_approved": "Not sent on {at}: somebody on the staff rejected it.",
    "held.quiet_hours": "Not yet: it is night where they live; it is looked at again {until}.",
    "held.blackout": "Not yet: no marketing leaves on this date; looked at again {until}.",
    "held.frequency_cap": "Not yet: they have had as many e-mails as the settings allow; looked "
    "at again {until}.",
    "held.priority": "Not yet: a more important flow goes first; looked at again {until}.",
    "held.resting": "Not yet: they are left in peace; looked at again {until}.",
    "held.open_complaint": "Not yet: a complaint of theirs is open; looked at again {until}.",
    "held.open_return": "Not yet: a return of theirs is under way; looked at again {until}.",
    "held.open_delay": "Not yet: an order of theirs is late; looked at again {until}.",
    "held.open_reply": "Not yet: they have written and wait for an answer; looked at again "
    "{until}.",
    "held.stopped": "Not yet: the flow, or everything, is stopped.",
    "held.paused": "Not yet: marketing of the flow, or of all, is paused.",
    "held.breaker": "Not yet: the breaker holds marketing, since too much bounced or was "
    "complained of.",
    "held.warm_up": "Not yet: today's share of the warm-up plan is used up.",
    "held.daily_quota": "Not yet: what SES takes in a day is used up.",
    "held.manual": "Not yet: it waits for somebody on the staff to approve it.",
    "held.ses_paused": "Not yet: SES takes nothing from this account.",
    "about_to_leave": "Not yet: it is about to be sent.",
    "waits": "Not yet: {reason}.",
    "in_doubt": "Not known yet: SES was called on {at} and has not answered.",
    "not_yet": "Not yet: they are at {step} and have not come to it.",
    "left_before": "Not sent: they left the flow on {at}, before it came to that ({reason}).",
    "not_retold": "Not sent: it tells {step} again, and that was not sent.",
    "other_variant": "Not sent: in {step} the lot gave them {reason}.",
    "other_way": "Not sent: at {step} they went another way.",
    "passed": "Not sent: they have passed it without its being due.",
    "entry.gone": "They have been erased.",
    "entry.draft": "The flow is a draft: nobody enters.",
    "entry.never_triggered": "Never in it: it starts when somebody {pattern}, and they have not.",
    "entry.unrelayed": "Not yet: what starts it happened on {at}, and is being relayed.",
    "entry.before": "Never in it: what starts it happened on {at}, before the flow was published.",
    "entry.no_entry_key": "Never in it: what started it on {at} came without {step}, by which "
    "entries are told apart.",
    "entry.too_old": "Never in it: what starts it happened on {at}, and was old news when we "
    "heard of it.",
    "entry.conditions": "Never in it: on {at} it was not so that {condition}.",
    "entry.not_found": "Never in it: it looks for whoever fits, and it is not so that {condition}.",
    "entry.next_scan": "Not yet: they fit now, and the next scan may find them.",
    "entry.holdout": "Never in it: the lot keeps them out, for comparison.",
    "entry.then": "Never in it: what starts it happened on {at}. As far as is known today its "
    "conditions held; something kept them out then that is not so any more.",
}

_SV: Final = {
    "under_way": "I flödet sedan {at}, vid {step}.",
    "parked": "Parkerad vid {step} ({reason}) tills någon ser efter.",
    "leaving": "På väg att lämna flödet: {reason}.",
    "left": "Lämnade flödet {at}: {reason}.",
    "sent.accepted": "Skickat {at}; vad det blev av det har inte rapporterats än.",
    "sent.delivered": "Skickat {at}, och levererat.",
    "sent.delayed": "Skickat {at}; den mottagande servern dröjer, och SES försöker igen.",
    "sent.soft_bounced": "Skickat {at}, och det kom tillbaka: servern tog inte emot det då.",
    "sent.bounced": "Skickat {at}, och det kom tillbaka: det finns ingen sådan brevlåda.",
    "sent.complained": "Skickat {at} och levererat; kontakten kallade det skräppost.",
    "sent.failed": "Skickat {at}, och det kom inte fram, genom ett fel hos oss.",
    "sent.rejected": "SES tog emot det {at} och stoppade det sedan: det hittade ett virus.",
    "skipped.no_consent": "Inte skickat {at}: inget samtycke till reklam (samtycke: {reason}).",
    "skipped.suppressed": "Inte skickat {at}: adressen är spärrad ({reason}).",
    "skipped.no_address": "Inte skickat {at}: vi hade ingen adress som SES tar.",
    "skipped.not_allowed": "Inte skickat {at}: det här är inte produktion, och adressen står inte "
    "på listan över tillåtna.",
    "skipped.exited": "Inte skickat {at}: kontakten hade redan lämnat flödet ({reason}).",
    "skipped.filter": "Inte skickat {at}: det kräver att {condition}, och så var det inte.",
    "skipped.filter.then": "Inte skickat {at}: ett av flödets villkor gällde inte då; så vitt vi "
    "vet i dag gäller alla.",
    "skipped.frequency_cap": "Inte skickat: kontakten hade fått så många brev som inställningarna "
    "tillåter, och det hade kommit för sent (skulle gått {at}).",
    "skipped.quiet_hours_expired": "Inte skickat: tysta timmar eller spärrade dagar lämnade ingen "
    "stund då det ännu var till nytta (skulle gått {at}).",
    "skipped.stale": "Inte skickat: det kunde inte gå i tid och hade kommit för sent "
    "(skulle gått {at}).",
    "skipped.rejected": "Inte skickat {at}: SES vägrade för gott ({reason}).",
    "skipped.outcome_unknown": "Kanske skickat {at}: SES svarade inte, och reklam skickas aldrig "
    "två gånger.",
    "skipped.operator": "Inte skickat {at}: någon i personalen hoppade över det.",
    "skipped.holdout": "Inte skickat {at}: lotten håller all reklam borta, för jämförelse.",
    "skipped.draft": "Inte skickat {at}: steget, eller flödet, var ett utkast.",
    "skipped.not_approved": "Inte skickat {at}: någon i personalen sa nej.",
    "held.quiet_hours": "Inte än: det är natt där kontakten bor; nytt försök {until}.",
    "held.blackout": "Inte än: ingen reklam går den här dagen; nytt försök {until}.",
    "held.frequency_cap": "Inte än: kontakten har fått så många brev som inställningarna "
    "tillåter; nytt försök {until}.",
    "held.priority": "Inte än: ett viktigare flöde går före; nytt försök {until}.",
    "held.resting": "Inte än: kontakten lämnas i fred; nytt försök {until}.",
    "held.open_complaint": "Inte än: ett klagomål är öppet; nytt försök {until}.",
    "held.open_return": "Inte än: en retur är på väg; nytt försök {until}.",
    "held.open_delay": "Inte än: en beställning är försenad; nytt försök {until}.",
    "held.open_reply": "Inte än: kontakten har skrivit och väntar på svar; nytt försök {until}.",
    "held.stopped": "Inte än: flödet, eller allt, är stoppat.",
    "held.paused": "Inte än: flödets reklam, eller all reklam, är pausad.",
    "held.breaker": "Inte än: säkringen håller reklamen, för mycket har studsat eller "
    "kallats skräppost.",
    "held.warm_up": "Inte än: dagens del av uppvärmningen är förbrukad.",
    "held.daily_quota": "Inte än: det som SES tar emot på ett dygn är förbrukat.",
    "held.manual": "Inte än: det väntar på att någon i personalen godkänner det.",
    "held.ses_paused": "Inte än: SES tar inte emot något från det här kontot.",
    "about_to_leave": "Inte än: det ska strax skickas.",
    "waits": "Inte än: {reason}.",
    "in_doubt": "Inte känt än: SES tillfrågades {at} och har inte svarat.",
    "not_yet": "Inte än: kontakten är vid {step} och har inte kommit dit.",
    "left_before": "Inte skickat: kontakten lämnade flödet {at}, innan det kom dit ({reason}).",
    "not_retold": "Inte skickat: det berättar {step} en gång till, och det skickades inte.",
    "other_variant": "Inte skickat: i {step} gav lotten {reason}.",
    "other_way": "Inte skickat: vid {step} gick kontakten en annan väg.",
    "passed": "Inte skickat: kontakten har passerat det utan att det var dags.",
    "entry.gone": "Kontakten är raderad.",
    "entry.draft": "Flödet är ett utkast: ingen kommer in.",
    "entry.never_triggered": "Aldrig i flödet: det börjar när någon {pattern}, och det har inte "
    "hänt.",
    "entry.unrelayed": "Inte än: det som startar flödet hände {at} och är på väg fram.",
    "entry.before": "Aldrig i flödet: det som startar det hände {at}, innan flödet publicerades.",
    "entry.no_entry_key": "Aldrig i flödet: det som startade det {at} kom utan {step}, som "
    "skiljer gångerna åt.",
    "entry.too_old": "Aldrig i flödet: det som startar det hände {at}, och var en gammal nyhet när "
    "vi fick veta det.",
    "entry.conditions": "Aldrig i flödet: den {at} var det inte så att {condition}.",
    "entry.not_found": "Aldrig i flödet: det söker upp dem som passar, och det är inte så att "
    "{condition}.",
    "entry.next_scan": "Inte än: kontakten passar nu, och nästa sökning kan hitta den.",
    "entry.holdout": "Aldrig i flödet: lotten håller kontakten utanför, för jämförelse.",
    "entry.then": "Aldrig i flödet: det som startar det hände {at}. Så vitt vi vet i dag gällde "
    "villkoren; något höll kontakten utanför då som inte är så längre.",
}

SENTENCES: Final[Mapping[str, Mapping[str, str]]] = MappingProxyType({"en": _EN, "sv": _SV})

#: The kind of a reason that is a sentence of the ledger's, and no word: SES's own, for one.
NOTE: Final = "note"
#: What a sentence's reason is a word of, where it is not a name.
KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "left": "exit", "leaving": "exit", "left_before": "exit", "skipped.exited": "exit",
        "skipped.no_consent": "consent", "skipped.suppressed": "suppression", "parked": "parked",
        "waits": NOTE, "skipped.rejected": NOTE,
    }
)  # fmt: skip


def plain(kind: str, reason: str) -> str:
    """Write a reason as the facts have it."""
    return reason if kind == NOTE else reason.replace("_", " ")


def say(
    because: Because,
    language: str,
    *,
    zone: ZoneInfo,
    word: Callable[[str, str], str] = plain,
) -> str:
    """Say it in a sentence, in `en` or `sv`; instants as in the shop's `zone`.

    `word` writes the reasons of the facts, each with its kind: `exit`, `converted`.
    """
    words = WORDINGS[language]
    condition, pattern, kind = because.condition, because.pattern, KINDS.get(because.key)
    return SENTENCES[language][because.key].format(
        at=_moment(because.at, zone),
        until=_moment(because.until, zone),
        step=because.step or {"en": "the start", "sv": "början"}[language],
        reason=(word(kind, because.reason) if kind else because.reason) or "-",
        condition=words.in_force(condition) if condition is not None else "",
        pattern=words.somebody_does(pattern) if pattern is not None else "",
    )


def _moment(at: datetime | None, zone: ZoneInfo) -> str:
    return "-" if at is None else f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
