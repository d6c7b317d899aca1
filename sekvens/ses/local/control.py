"""What tests and demos ask a local SES over HTTP: its messages, and faults.

`GET /_local/messages`, `POST`, `GET` and `DELETE /_local/faults`, `GET` and `PUT /_local/events`,
`PUT /_local/fates`, `PUT /_local/account`. A web page elsewhere cannot call these: faults want
JSON, which browsers do not send to a foreign host unasked.
"""

from dataclasses import asdict
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sekvens.ses.local.account import SendingLimits
from sekvens.ses.local.events import EventFaults
from sekvens.ses.local.faults import FaultMode, Faults
from sekvens.ses.local.reading import InboxMessage, read
from sekvens.ses.local.store import Store


class Control:
    """The paths under `/_local/`."""

    def __init__(self, *, store: Store, faults: Faults, limits: SendingLimits) -> None:
        self._store = store
        self._faults = faults
        self._limits = limits

    def routes(self) -> list[Route]:
        """List the paths."""
        return [
            Route("/_local/messages", self.messages, methods=["GET"]),
            Route("/_local/faults", self.arm, methods=["POST"]),
            Route("/_local/faults", self.armed, methods=["GET"]),
            Route("/_local/faults", self.clear, methods=["DELETE"]),
            Route("/_local/events", self.told, methods=["GET"]),
            Route("/_local/events", self.tell, methods=["PUT"]),
            Route("/_local/fates", self.destine, methods=["PUT"]),
            Route("/_local/account", self.allow, methods=["PUT"]),
        ]

    async def messages(self, request: Request) -> Response:
        """List messages in the order of acceptance; `?after=<sequence>` and `?limit=` page."""
        try:
            after = int(request.query_params.get("after", 0))
            limit = int(request.query_params.get("limit", -1))
        except ValueError:
            return _unusable("after and limit are numbers")
        accepted = self._store.after(after, limit=limit)
        return JSONResponse([_as_json(read(each)) for each in accepted])

    async def arm(self, request: Request) -> Response:
        """Arm a fault: `{"mode": …, "count": n or null, "recipient": …, "milliseconds": n}`."""
        if not _is_json(request):
            return _unusable("send it as application/json")
        try:
            asked = msgspec.json.decode(await request.body(), type=_AskedFault)
            fault = self._faults.arm(**msgspec.structs.asdict(asked))
        except (msgspec.MsgspecError, ValueError) as error:
            modes = ", ".join(FaultMode)
            return _unusable(f"{error}; the modes are {modes}")
        return JSONResponse(msgspec.to_builtins(fault))

    async def armed(self, _request: Request) -> Response:
        """List the armed faults."""
        return JSONResponse(msgspec.to_builtins(self._faults.armed()))

    async def clear(self, _request: Request) -> Response:
        """Disarm all."""
        self._faults.clear()
        return JSONResponse([])

    async def told(self, request: Request) -> Response:
        """List what became of each `Send` event, or `?type=` of others; `copies` 0 was lost.

        Send events are those that settle a lost answer, and `?type=all` is every other as well.
        """
        given = request.query_params.get("type", "Send")
        return JSONResponse(self._store.events.told(event_type="" if given == "all" else given))

    async def tell(self, request: Request) -> Response:
        """Set what goes wrong with events from now on; `{}`: nothing. See `EventFaults`."""
        if not _is_json(request):
            return _unusable("send it as application/json")
        try:
            asked = msgspec.json.decode(await request.body(), type=dict[str, Any])
            self._store.events.faults = EventFaults(**asked)
        except (msgspec.MsgspecError, TypeError, ValueError) as error:
            return _unusable(str(error))
        return JSONResponse(asdict(self._store.events.faults))

    async def destine(self, request: Request) -> Response:
        """Say what becomes of messages to a recipient: `{"recipient": …, "tells": ["bounce"]}`."""
        if not _is_json(request):
            return _unusable("send it as application/json")
        try:
            asked = msgspec.json.decode(await request.body(), type=_AskedFate)
            self._store.events.set_fate(asked.recipient, asked.tells)
        except (msgspec.MsgspecError, ValueError) as error:
            return _unusable(str(error))
        return JSONResponse(self._store.events.fates)

    async def allow(self, request: Request) -> Response:
        """Change the account from now on: `{"rate": …, "day_max": …, "sending_enabled": …}`."""
        if not _is_json(request):
            return _unusable("send it as application/json")
        try:
            asked = msgspec.json.decode(await request.body(), type=_AskedAccount)
        except msgspec.MsgspecError as error:
            return _unusable(str(error))
        limits = self._limits
        limits.rate = limits.rate if asked.rate is None else asked.rate
        limits.day_max = limits.day_max if asked.day_max is None else asked.day_max
        if asked.sending_enabled is not None:
            limits.sending_enabled = asked.sending_enabled
        told = {name: getattr(limits, name) for name in _AskedAccount.__struct_fields__}
        return JSONResponse(told)


class _AskedFault(msgspec.Struct, forbid_unknown_fields=True):
    mode: str
    count: int | None = 1
    recipient: str = ""
    milliseconds: int = 0


class _AskedFate(msgspec.Struct, forbid_unknown_fields=True):
    recipient: str
    #: none: delivered, as others
    tells: tuple[str, ...] = ()


class _AskedAccount(msgspec.Struct, forbid_unknown_fields=True):
    """What is not named stays."""

    rate: Annotated[float, msgspec.Meta(gt=0)] | None = None
    day_max: Annotated[int, msgspec.Meta(ge=-1)] | None = None
    sending_enabled: bool | None = None


def _as_json(message: InboxMessage) -> dict[str, Any]:
    return {
        "sequence": message.sequence,
        "id": message.id,
        "accepted_at": message.accepted_at.isoformat(),
        "sender": message.sender,
        "recipient": message.recipient,
        "recipients": message.recipients,
        "subject": message.subject,
        "tags": message.tags,
        "headers": message.headers,
        "configuration_set": message.configuration_set,
        "marked": message.marked,
        "text": message.text,
        "html": message.html,
    }


def _is_json(request: Request) -> bool:
    return request.headers.get("content-type", "").partition(";")[0] == "application/json"


def _unusable(why: str) -> Response:
    return JSONResponse({"message": why}, status_code=400)
