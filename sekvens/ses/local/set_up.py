"""What SES tells of how it is set up: identities, and where a configuration set publishes events.

The local SES has every identity that it takes mail from, signed for and verified, and publishes
what it publishes; it has no other configuration set than the one that is asked for.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sekvens.ses.local.checks import Refused
from sekvens.ses.local.events import TOPIC_ARN
from sekvens.ses.local.signature import SignatureCheck

#: What the local SES tells of its messages, by itself or by the buttons of its inbox.
EVENT_TYPES = (
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
)


class SetUpPages:
    """The API's questions about the set-up. The answers are those of SES, version 2."""

    def __init__(self, *, identities: frozenset[str], check: SignatureCheck) -> None:
        self._identities = identities
        self._check = check

    def routes(self) -> list[Route]:
        """List the paths."""
        return [
            Route("/v2/email/identities/{name:path}", self.get_identity, methods=["GET"]),
            Route(
                "/v2/email/configuration-sets/{name}/event-destinations",
                self.get_destinations,
                methods=["GET"],
            ),
        ]

    async def get_identity(self, request: Request) -> Response:
        """Tell of an identity: all are verified, unless the options name those that are."""
        self._check(request)
        name = request.path_params["name"]
        if self._identities and name not in self._identities:
            raise Refused("NotFoundException", f"Email identity {name} not found.", status=404)
        return _ok(
            {
                "IdentityType": "EMAIL_ADDRESS" if "@" in name else "DOMAIN",
                "FeedbackForwardingStatus": True,
                "VerifiedForSendingStatus": True,
                "VerificationStatus": "SUCCESS",
                "DkimAttributes": {
                    "SigningEnabled": True,
                    "Status": "SUCCESS",
                    "SigningAttributesOrigin": "AWS_SES",
                },
                "MailFromAttributes": {"BehaviorOnMxFailure": "USE_DEFAULT_VALUE"},
            }
        )

    async def get_destinations(self, request: Request) -> Response:
        """Tell where events go: into the local topic, and so into the local queue."""
        self._check(request)
        destination = {
            "Name": "local",
            "Enabled": True,
            "MatchingEventTypes": list(EVENT_TYPES),
            "SnsDestination": {"TopicArn": TOPIC_ARN},
        }
        return _ok({"EventDestinations": [destination]})


def _ok(content: dict[str, Any]) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")
