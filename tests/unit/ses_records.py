"""SES's event records: each type as Amazon publishes it, once in full, and trimmed ones for tests.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
"""

import json
from datetime import datetime
from typing import Any

from sekvens.feedback.testing import event_body
from tests.unit.sending import ADDRESS

RECIPIENT = "recipient@example.com"
ZULU = "2017-08-05T00:41:02.669Z"

#: The same in every record, but for small things.
MAIL: dict[str, Any] = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "source": "Sender Name <sender@example.com>",
    "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
    "sendingAccountId": "123456789012",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": [RECIPIENT],
    "headersTruncated": False,
    "headers": [
        {"name": "From", "value": "Sender Name <sender@example.com>"},
        {"name": "To", "value": RECIPIENT},
        {"name": "Subject", "value": "Message sent from Amazon SES"},
        {"name": "MIME-Version", "value": "1.0"},
        {
            "name": "Content-Type",
            "value": "multipart/alternative; "
            'boundary="----=_Part_7307378_1629847660.1516840721503"',
        },
    ],
    "commonHeaders": {
        "from": ["Sender Name <sender@example.com>"],
        "to": [RECIPIENT],
        "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "subject": "Message sent from Amazon SES",
    },
    "tags": {
        "ses:configuration-set": ["ConfigSet"],
        "ses:source-ip": ["192.0.2.0"],
        "ses:from-domain": ["example.com"],
        "ses:caller-identity": ["ses_user"],
    },
}
_BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/60.0.3112.90 Safari/537.36"
)
#: event type -> the member that tells of it, as published
PUBLISHED: dict[str, dict[str, Any]] = {
    "Bounce": {
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {
                    "emailAddress": RECIPIENT,
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                }
            ],
            "timestamp": ZULU,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "reportingMTA": "dsn; mta.example.com",
        }
    },
    "Complaint": {
        "complaint": {
            "complainedRecipients": [{"emailAddress": RECIPIENT}],
            "timestamp": ZULU,
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "userAgent": _BROWSER,
            "complaintFeedbackType": "abuse",
            "arrivalDate": ZULU,
        }
    },
    "Delivery": {
        "delivery": {
            "timestamp": "2016-10-19T23:21:04.133Z",
            "processingTimeMillis": 11893,
            "recipients": [RECIPIENT],
            "smtpResponse": "250 2.6.0 Message received",
            "remoteMtaIp": "123.456.789.012",
            "reportingMTA": "mta.example.com",
        }
    },
    "Send": {"send": {}},
    "Reject": {"reject": {"reason": "Bad content"}},
    "Open": {
        "open": {
            "ipAddress": "192.0.2.1",
            "timestamp": "2017-08-09T22:00:19.652Z",
            "userAgent": "Mozilla/5.0 (iPhone; CPU iPhone OS 10_3_3 like Mac OS X) "
            "AppleWebKit/603.3.8 (KHTML, like Gecko) Mobile/14G60",
        }
    },
    "Click": {
        "click": {
            "ipAddress": "192.0.2.1",
            "link": "http://docs.aws.amazon.com/ses/latest/DeveloperGuide/send-email-smtp.html",
            "linkTags": {"samplekey0": ["samplevalue0"], "samplekey1": ["samplevalue1"]},
            "timestamp": "2017-08-09T23:51:25.570Z",
            "userAgent": _BROWSER,
        }
    },
    "Rendering Failure": {
        "failure": {
            "errorMessage": "Attribute 'attributeName' is not present in the rendering data.",
            "templateName": "MyTemplate",
        }
    },
    "DeliveryDelay": {
        "deliveryDelay": {
            "timestamp": "2020-06-16T00:25:40.095Z",
            "delayType": "TransientCommunicationFailure",
            "expirationTime": "2020-06-16T00:25:40.914Z",
            "delayedRecipients": [
                {
                    "emailAddress": RECIPIENT,
                    "status": "4.4.1",
                    "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
                }
            ],
        }
    },
    "Subscription": {
        "subscription": {
            "contactList": "ContactListName",
            "timestamp": "2022-01-12T01:00:17.910Z",
            "source": "UnsubscribeHeader",
            "newTopicPreferences": {
                "unsubscribeAll": True,
                "topicSubscriptionStatus": [
                    {"topicName": "ExampleTopicName", "subscriptionStatus": "OptOut"}
                ],
            },
            "oldTopicPreferences": {
                "unsubscribeAll": False,
                "topicSubscriptionStatus": [
                    {"topicName": "ExampleTopicName", "subscriptionStatus": "OptOut"}
                ],
            },
        }
    },
}


def published(event_type: str) -> str:
    """Write a record as Amazon publishes it."""
    return json.dumps({"eventType": event_type, "mail": MAIL, **PUBLISHED[event_type]})


def bounce(
    kind: str = "Permanent",
    sub: str = "General",
    *,
    said: str = "smtp; 550 5.1.1 user unknown",
    recipient: str = ADDRESS,
) -> dict[str, Any]:
    """Make the members of a bounce's record."""
    recipients = [{"emailAddress": recipient, "diagnosticCode": said}]
    part = {"bounceType": kind, "bounceSubType": sub, "bouncedRecipients": recipients}
    return {"event_type": "Bounce", "recipient": recipient, "bounce": part}


def complaint(feedback_type: str = "abuse", *, recipient: str = ADDRESS) -> dict[str, Any]:
    """Make the members of a complaint's record."""
    part = {
        "complainedRecipients": [{"emailAddress": recipient}],
        "complaintFeedbackType": feedback_type,
    }
    return {"event_type": "Complaint", "recipient": recipient, "complaint": part}


def delivery(*, recipient: str = ADDRESS) -> dict[str, Any]:
    """Make the members of a delivery's record."""
    part = {"recipients": [recipient]}
    return {"event_type": "Delivery", "recipient": recipient, "delivery": part}


def body(message_id: str, told: dict[str, Any], *, at: datetime, **more: Any) -> str:
    """Write a trimmed record of a message, told at an instant."""
    members = {
        name: {**value, "timestamp": at.isoformat()} if isinstance(value, dict) else value
        for name, value in told.items()
    }
    return event_body(message_id, at=at, **members, **more)
