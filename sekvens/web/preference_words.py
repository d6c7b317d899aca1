"""What the preference page says, in each language that pages are written in."""

from dataclasses import dataclass
from typing import Final

#: Languages by the name that their own speakers know them by.
LANGUAGES: Final = {
    "sv": "Svenska",
    "en": "English",
    "da": "Dansk",
    "de": "Deutsch",
    "fi": "Suomi",
    "nb": "Norsk",
    "nl": "Nederlands",
}


@dataclass(frozen=True, kw_only=True)
class PreferenceWords:
    """The page's words in one language."""

    title: str
    saved: str
    intro: str
    topics: str
    often: str
    usual: str
    fewer: str
    fewer_about: str
    pause: str
    pause_about: str
    paused: str
    go_on: str
    you: str
    language: str
    birthday: str
    birthday_about: str
    birthday_known: str
    day: str
    month: str
    again: str
    again_about: str
    needs_a_hand: str
    button: str
    leave: str


WORDS: Final = {
    "sv": PreferenceWords(
        title="Vad vill du få från oss?",
        saved="Sparat. Det gäller från och med nu.",
        intro="Brev om beställningar som du har gjort kommer fram ändå.",
        topics="Det här vill jag läsa om",
        often="Hur ofta",
        usual="Som vanligt",
        fewer="Mer sällan",
        fewer_about="Högst hälften så många brev.",
        pause="Pausa i 30 dagar",
        pause_about="Vi hör av oss igen efteråt.",
        paused="Pausat till och med {day}",
        go_on="Sluta pausa",
        you="Om dig",
        language="Språk i breven",
        birthday="Födelsedag",
        birthday_about="Dag och månad räcker. Året är din ensak.",
        birthday_known="Vi har redan ett datum. Fyll bara i om det ska ändras.",
        day="Dag",
        month="Månad",
        again="Börja skriva till mig igen",
        again_about="Just nu får du inga utskick från oss.",
        needs_a_hand="Till din adress skickar vi inga utskick, eftersom brev dit har studsat eller "
        "anmälts som skräp. Vill du ha dem igen, svara på ett av våra brev så ordnar vi det för "
        "hand.",
        button="Spara",
        leave="Nej, avsluta alla utskick",
    ),
    "en": PreferenceWords(
        title="What would you like from us?",
        saved="Saved. It counts from now on.",
        intro="Messages about orders that you have placed reach you all the same.",
        topics="I should like to read about",
        often="How often",
        usual="As usual",
        fewer="Less often",
        fewer_about="Half as many letters, at the most.",
        pause="Pause for 30 days",
        pause_about="You will hear from us again afterwards.",
        paused="Paused up to and including {day}",
        go_on="End the pause",
        you="About you",
        language="Language of the letters",
        birthday="Birthday",
        birthday_about="The day and the month will do. The year is your own affair.",
        birthday_known="We have a date already. Fill it in only to change it.",
        day="Day",
        month="Month",
        again="Write to me again",
        again_about="At present you get none of our letters.",
        needs_a_hand="We send no letters to your address, because some have bounced or were "
        "reported as spam. If you want them again, reply to any of our messages and we will see "
        "to it by hand.",
        button="Save",
        leave="No, stop all these letters",
    ),
}
