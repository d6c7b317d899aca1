"""The two e-mails that `flows new` writes, by purpose and locale.

Each may be sent as it stands, by any shop: it says nothing that the settings do not hold.
"""

from typing import Final

from sekvens.flows.steps import Purpose

FIRST: Final = "anything-unclear"
SECOND_TO_SHOPPERS: Final = "who-is-writing"
SECOND_TO_BUYERS: Final = "all-as-it-should-be"

_QUESTIONS_SV = """\
---
subject: Är det något du undrar över?
preheader: Här är frågorna vi får oftast. Resten svarar en människa på, om du skriver.
---
Hej{% if first_name %} {{ first_name }}{% endif %}!

Jag skriver av ett enda skäl: att ingenting litet ska stå i vägen. De flesta frågor vi får är små, \
och de blir inte större av att ställas.

{% for q in faq[:3] %}
{{ question(q) }}

{% endfor %}
Stod inte din fråga här? Svara på brevet med den, så får du svar av en människa.

{{ button("Titta in i butiken", shop.links.home) }}

{{ signature() }}
"""
_QUESTIONS_EN = """\
---
subject: Is there anything you are wondering about?
preheader: Here is what we are asked most often. A person answers the rest, if you write.
---
Hello{% if first_name %} {{ first_name }}{% endif %},

I am writing for one reason: that nothing small should stand in the way. Most questions that reach \
us are small, and being asked does not make them larger.

{% for q in faq[:3] %}
{{ question(q) }}

{% endfor %}
Is yours not here? Reply with it, and a person will answer.

{{ button("Look in on the shop", shop.links.home) }}

{{ signature() }}
"""
_WHO_SV = """\
---
subject: Vem det är som skriver till dig
preheader: Några rader om oss, så att du vet vems brev det är. Du behöver inte göra något.
---
Hej{% if first_name %} {{ first_name }}{% endif %}!

Det är artigt att presentera sig, helst innan man ber om något. Därför kommer det här brevet utan \
att be om något alls.

{{ aside(shop.story) }}

Det var allt. Vill du se vad vi gör står dörren öppen:

{{ button("Till butiken", shop.links.home) }}

{{ signature() }}
"""
_WHO_EN = """\
---
subject: Who it is that writes to you
preheader: A few lines about us, so that you know whose letters these are. Nothing to do.
---
Hello{% if first_name %} {{ first_name }}{% endif %},

It is polite to introduce oneself, preferably before asking for anything. So this letter comes \
without asking for anything at all.

{{ aside(shop.story) }}

That is all. If you would like to see what we make, the door is open:

{{ button("To the shop", shop.links.home) }}

{{ signature() }}
"""
_UNCLEAR_SV = """\
---
subject: Är något oklart svarar jag gärna
preheader: Ett svar på brevet når en människa. Frågan får vara hur liten som helst.
---
Hej{% if first_name %} {{ first_name }}{% endif %}!

När något är på gång är det bra att veta vem man kan fråga. Det är mig. Svara på det här brevet, \
så hamnar det hos en människa och inte i en kö.

{{ aside(shop.support) }}

Är allt klart behöver du inte göra någonting.

{{ signature() }}
"""
_UNCLEAR_EN = """\
---
subject: If anything is unclear, ask me
preheader: A reply to this letter reaches a person, and no question is too small for it.
---
Hello{% if first_name %} {{ first_name }}{% endif %},

When something is under way it is good to know whom to ask. That would be me. Reply to this letter \
and it reaches a person, and no queue.

{{ aside(shop.support) }}

If all is clear, there is nothing you need to do.

{{ signature() }}
"""
_AS_IT_SHOULD_SV = """\
---
subject: Är allt som det ska?
preheader: Är det så kan du låta brevet vara. Är det inte så vill jag gärna veta det.
---
Hej{% if first_name %} {{ first_name }}{% endif %}!

Det har gått några dagar, och av oss hör du inget mer om det här. Men är något inte som det ska \
hör jag gärna av dig, helst innan det har hunnit bli ett bekymmer.

{{ aside(shop.support) }}

{{ signature() }}
"""
_AS_IT_SHOULD_EN = """\
---
subject: Is everything as it should be?
preheader: If it is, let this letter be. If it is not, I would like to hear about it.
---
Hello{% if first_name %} {{ first_name }}{% endif %},

A few days have passed, and you will hear no more from us about this. But if something is not as \
it should be, I would like to hear from you, preferably before it has become a worry.

{{ aside(shop.support) }}

{{ signature() }}
"""

_SOURCES: Final[dict[Purpose, dict[str, dict[str, str]]]] = {
    Purpose.MARKETING: {
        FIRST: {"sv": _QUESTIONS_SV, "en": _QUESTIONS_EN},
        SECOND_TO_SHOPPERS: {"sv": _WHO_SV, "en": _WHO_EN},
    },
    Purpose.TRANSACTIONAL: {
        FIRST: {"sv": _UNCLEAR_SV, "en": _UNCLEAR_EN},
        SECOND_TO_BUYERS: {"sv": _AS_IT_SHOULD_SV, "en": _AS_IT_SHOULD_EN},
    },
}


def sources(purpose: Purpose, locale: str) -> dict[str, str]:
    """Give each e-mail's source by its step: Swedish where that is spoken, else English."""
    language = "sv" if locale.partition("-")[0] == "sv" else "en"
    return {step: by_language[language] for step, by_language in _SOURCES[purpose].items()}
