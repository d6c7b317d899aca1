"""The quiz: three questions, one after the other, whose answers become traits of the contact.

An e-mail asks the first one; the pages behind its buttons ask the others.
"""

from collections.abc import Mapping
from typing import Final

from sekvens.messages.asking import Answer, Question

_OF: Final = 3

QUIZ: Final[Mapping[str, Question]] = {
    "where-cold": Question(
        text={"sv": "Var blir du kall först?", "en": "Where do you feel the cold first?"},
        answers=(
            Answer(
                value="feet",
                label={"sv": "Om fötterna", "en": "In my feet"},
                then={
                    "sv": "Fötterna alltså. Bengt nickar, han har samma besvär.",
                    "en": "The feet, then. Bengt nods, he suffers from the same.",
                },
                leads_to="when-worn",
            ),
            Answer(
                value="hands",
                label={"sv": "Om händerna", "en": "In my hands"},
                then={
                    "sv": "Händerna alltså. Det är de som gör mest nytta.",
                    "en": "The hands, then. They are the ones that do the work.",
                },
                leads_to="when-worn",
            ),
            Answer(
                value="head",
                label={"sv": "Om huvudet", "en": "On my head"},
                then={
                    "sv": "Huvudet alltså. Det finns mössor för det.",
                    "en": "The head, then. There are hats for that.",
                },
                leads_to="when-worn",
            ),
            Answer(
                value="all-over",
                label={"sv": "Överallt på en gång", "en": "All over at once"},
                then={
                    "sv": "Överallt. Då är du i goda händer.",
                    "en": "All over. Then you have come to the right place.",
                },
                leads_to="when-worn",
            ),
        ),
        trait="where_cold",
        place=(1, _OF),
    ),
    "when-worn": Question(
        text={"sv": "När behöver du yllet mest?", "en": "When do you need the wool most?"},
        answers=(
            Answer(
                value="outdoors",
                label={"sv": "Ute, i alla väder", "en": "Outdoors, in all weathers"},
                then={"sv": "Då ska det tåla något.", "en": "Then it has to stand up to a lot."},
                leads_to="wool-on-skin",
            ),
            Answer(
                value="every-day",
                label={"sv": "Till vardags", "en": "Every day"},
                then={
                    "sv": "Då ska det vara lätt att ha på sig.",
                    "en": "Then it has to be easy to wear.",
                },
                leads_to="wool-on-skin",
            ),
            Answer(
                value="indoors",
                label={"sv": "Inne, där det drar", "en": "Indoors, where there is a draught"},
                then={
                    "sv": "Det drar i de bästa hus.",
                    "en": "There is one in the best of houses.",
                },
                leads_to="wool-on-skin",
            ),
        ),
        trait="when_worn",
        place=(2, _OF),
    ),
    "wool-on-skin": Question(
        text={
            "sv": "Hur trivs du med ull mot huden?",
            "en": "How do you get on with wool next to your skin?",
        },
        answers=(
            Answer(
                value="well",
                label={"sv": "Bra", "en": "Well"},
                then={
                    "sv": "Det var allt. Tack, då vet vi vad vi ska berätta om och vad du slipper.",
                    "en": "That was all. Thank you: now we know what to tell you about, and what "
                    "to spare you.",
                },
            ),
            Answer(
                value="itches",
                label={"sv": "Det kliar", "en": "It itches"},
                then={
                    "sv": "Det var allt. Tack, då vet vi att du vill ha något emellan.",
                    "en": "That was all. Thank you: now we know that you would rather have "
                    "something in between.",
                },
            ),
            Answer(
                value="unsure",
                label={"sv": "Jag vet inte än", "en": "I do not know yet"},
                then={
                    "sv": "Det var allt. Tack, det är till att prova sig fram.",
                    "en": "That was all. Thank you: one has to try and see.",
                },
            ),
        ),
        trait="wool_on_skin",
        place=(3, _OF),
    ),
}
