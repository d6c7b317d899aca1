"""The one rule which addresses SES would take.

What it hands back is what is sent to: the domain in ASCII (punycode), the local part untouched.
"""

from functools import lru_cache

from email_validator import EmailNotValidError, validate_email


# An import asks ten times for each address of a batch, and checking one takes long.
@lru_cache(maxsize=4096)
def usable(address: str) -> str | None:
    """Tell the address in the form SES takes it; None if no mail server would.

    A local part outside ASCII is valid mail (RFC 6531), but SES does not speak it. Nothing is asked
    of DNS: a domain that is down for an hour does not make an address wrong.
    """
    try:
        checked = validate_email(
            address.strip(), check_deliverability=False, allow_smtputf8=False, strict=True
        )
    except EmailNotValidError:
        return None
    return checked.ascii_email
