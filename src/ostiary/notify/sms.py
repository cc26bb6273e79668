"""Handing one SMS to a gateway over HTTP, and saying what became of it.

The gateway is whatever the operator puts at ``sms.url``. It takes
``{"to": "+491701234567", "text": "…", "id": "msg_…"}`` and answers 2xx when it has that. One ``id`` may come twice, and
is one message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from ostiary.base.clock import SECOND, Clock
from ostiary.base.http import NoAnswer
from ostiary.crypto.webhooks import webhook_headers
from ostiary.notify.outgoing import Outgoing, Undelivered

if TYPE_CHECKING:
    from ostiary.base.http import HttpClient
    from ostiary.settings import SmsSettings

TIMEOUT = 20.0
"""Seconds that the gateway has to take one SMS."""
MAX_ANSWER = 65_536
"""Bytes of an answer; it is read so that the connection can be used again, and not looked at."""

_TRY_AGAIN = {408, 425, 429}  # the only 4xx that say so (RFC 9110 section 15.5.9, RFC 8470, RFC 6585)
_OVERLOADED = {429, 503}


class SmsWebhook:
    """The gateway at ``settings.url``."""

    def __init__(self, http: HttpClient, settings: SmsSettings, clock: Clock) -> None:
        self._http = http
        self._settings = settings
        self._clock = clock

    async def send(self, message: Outgoing) -> None:
        """POST the message.

        Raises:
            Undelivered: the gateway refused it, or did not answer.
        """
        body = msgspec.json.encode({"to": message.to, "text": message.text, "id": message.id})
        try:
            answer = await self._http.ask(
                "POST",
                self._settings.url or "",
                headers=self._headers(message.id, body),
                body=body,
                within=TIMEOUT,
                at_most=MAX_ANSWER,
            )
        except NoAnswer as fault:
            raise Undelivered(fault.reason, unreachable=True) from fault
        status = answer.status
        if not 200 <= status < 300:
            raise Undelivered(
                f"the gateway answered {status}",
                permanent=status < 500 and status not in _TRY_AGAIN,
                unreachable=status in _OVERLOADED,
            )

    def _headers(self, id_: str, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._settings.token:
            headers["Authorization"] = f"Bearer {self._settings.token.reveal()}"
        if self._settings.signing_key:
            key = self._settings.signing_key.reveal()
            headers |= webhook_headers(key, id=id_, timestamp=self._clock() // SECOND, body=body)
        return headers
