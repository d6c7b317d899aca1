"""Which columns of a file say what, by their headers; a shop may map others by hand."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sekvens.errors import SekvensError
from sekvens.imports.outcome import UnreadableFile
from sekvens.imports.rows import Row, header_name

TRAITS_PREFIX: Final = "traits."
#: As `header_name` writes the prefix.
_TRAITS_LEVELLED: Final = "traits_"


class UnknownField(SekvensError):
    """There is no such field of a contact to map a column to."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """For each field of ours the names of columns that may hold it, in their order."""

    fields: Mapping[str, Sequence[str]]
    traits: Mapping[str, str] = field(default_factory=dict)  #: trait -> column
    by_hand: frozenset[str] = frozenset()  #: fields that somebody mapped to a column

    def get(self, row: Row, name: str) -> str:
        """Tell what a row says for a field of ours; nothing: an empty text."""
        return row.get(*self.fields.get(name, ()))

    def check(self, header: Collection[str]) -> None:
        """Refuse a file that lacks what no import can do without, or a column that was mapped.

        Raises:
            UnreadableFile: it has no column of addresses, or no such column as was mapped.
        """
        is_there = any(name in header for name in self.fields["email"])
        if not is_there and "email" not in self.by_hand:
            raise UnreadableFile(
                "the file has no column of addresses: name the one that holds them (--map "
                "email=COLUMN)"
            )
        missing = [column for column in self.traits.values() if column not in header]
        by_hand = [self.fields[name][0] for name in sorted(self.by_hand)]
        missing += [column for column in by_hand if column not in header]
        if missing:
            raise UnreadableFile(f"the file has no column {missing[0]!r}, which --map names")

    def traits_of(self, row: Row) -> dict[str, str]:
        """Tell the traits of a row that have no field of their own."""
        named = {
            name.removeprefix(_TRAITS_LEVELLED): name
            for name in row.values
            if name.startswith(_TRAITS_LEVELLED)
        }
        found = {trait: row.get(column) for trait, column in (named | dict(self.traits)).items()}
        return {trait: value for trait, value in found.items() if trait and value}


_FIRST_NAME: Final = ("first_name", "firstname", "fname", "given_name")
_LAST_NAME: Final = ("last_name", "lastname", "lname", "family_name", "surname")

OUR_COLUMNS: Final = Columns(
    fields={
        "email": ("email", "email_address", "e_mail"),
        "external_id": ("external_id", "user_id", "customer_id"),
        "first_name": _FIRST_NAME,
        "last_name": _LAST_NAME,
        "locale": ("locale", "language"),
        "timezone": ("timezone", "time_zone"),
        "country": ("country", "country_code"),
        "consent": ("consent", "consent_status", "email_consent", "accepts_email_marketing"),
        "consent_at": ("consent_at", "consent_time", "consented_at"),
        "consent_source": ("consent_source", "signup_source"),
        "consent_wording": ("consent_wording", "wording"),
        "consent_ip": ("consent_ip",),
        "updated_at": ("updated_at",),
        "reason": ("reason", "suppression_reason"),
        "at": ("at", "suppressed_at", "date", "timestamp"),
    },
)

#: Klaviyo's export of profiles: the columns of `Export List to CSV`, help.klaviyo.com/hc/en-us/
#: articles/115005078687, and of suppressed profiles, …/articles/115005246108. Reasons as in
#: `EmailMarketingSuppression` of developers.klaviyo.com/en/reference/get_profiles.
KLAVIYO_COLUMNS: Final = Columns(
    fields={
        "email": ("email", "email_address"),
        "external_id": ("external_id",),
        "first_name": _FIRST_NAME,
        "last_name": _LAST_NAME,
        "locale": ("locale", "language"),
        "timezone": ("timezone", "time_zone"),
        "country": ("country",),
        "consent": ("email_marketing_consent", "email_consent"),
        "consent_at": ("email_marketing_consent_timestamp", "email_consent_timestamp"),
        "consent_source": ("source", "consent_source"),
        "consent_ip": ("ip_address",),
        "updated_at": ("profile_updated_on", "updated"),
        "suppressions": ("email_suppressions", "suppressed", "suppression_reason"),
        "reason": ("reason", "suppression_reason", "email_suppressions", "suppressed_reason"),
        "at": ("timestamp", "suppressed_at", "date_suppressed", "suppression_timestamp", "date"),
    },
)

#: Mailchimp's export of an audience: mailchimp.com/help/view-export-contacts; its columns in
#: capitals are its own, the others the audience's.
MAILCHIMP_COLUMNS: Final = Columns(
    fields={
        "email": ("email_address", "email"),
        "external_id": ("external_id", "user_id", "customer_id"),
        "first_name": _FIRST_NAME,
        "last_name": _LAST_NAME,
        "locale": ("language", "locale"),
        "timezone": ("timezone",),
        "country": ("cc", "country"),
        "requested_at": ("optin_time",),
        "requested_ip": ("optin_ip",),
        "confirmed_at": ("confirm_time",),
        "confirmed_ip": ("confirm_ip",),
        "unsubscribed_at": ("unsub_time",),
        "unsubscribed_for": ("unsub_reason",),
        "unsubscribed_for_other": ("unsub_reason_other",),
        "cleaned_at": ("clean_time",),
        "updated_at": ("last_changed",),
    },
)


def mapped(columns: Columns, pairs: Sequence[str]) -> Columns:
    """Map columns by hand, each as `ours=theirs`.

    Raises:
        UnknownField: it is no such pair, or we have no such field.
    """
    fields, traits, by_hand = dict(columns.fields), dict(columns.traits), set(columns.by_hand)
    for pair in pairs:
        ours, found, theirs = pair.partition("=")
        ours, theirs = ours.strip(), header_name(theirs)
        if not found or not theirs:
            raise UnknownField(f"--map {pair!r}: write OURS=THEIRS, such as email=E-post")
        if ours.startswith(TRAITS_PREFIX) and ours != TRAITS_PREFIX:
            traits[ours.removeprefix(TRAITS_PREFIX)] = theirs
        elif ours in fields:
            fields[ours] = (theirs,)
            by_hand.add(ours)
        else:
            known = ", ".join(fields)
            raise UnknownField(f"--map {pair!r}: there are {known} and {TRAITS_PREFIX}NAME")
    return replace(columns, fields=fields, traits=traits, by_hand=frozenset(by_hand))
