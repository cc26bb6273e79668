"""The one root of every error that Ostiary shows to anybody.

An error carries its wire form (``code``, ``status``, public text) and keeps its cause to itself: pass the cause with
``raise … from cause``, it is logged and never sent. One serializer, in ``ostiary.web.problems``, turns these into
problem details (RFC 9457) or an error page; nothing else formats an error.
"""

from __future__ import annotations


class OstiaryError(Exception):
    """An answer other than success.

    Attributes:
        code: stable machine-readable name, documented in ``docs/reference/errors.md``; never renamed.
        status: the HTTP status it is sent with.
        title: one short public sentence, the same for every occurrence of ``code``.
        remedy: what whoever gets it can do, in one line of Markdown, for the reference.
        detail: a public sentence about this occurrence; never holds secrets or internals.
        field: the input member at fault, as a dotted path, where one is.
        retry_after: whole seconds after which trying again makes sense, where that is known.
        extra: further public members of the problem details.
    """

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side."
    remedy = "Try again later; if it stays so, give the `request_id` to whoever runs this installation."

    def __init__(
        self,
        detail: str | None = None,
        *,
        field: str | None = None,
        retry_after: int | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.field = field
        self.retry_after = retry_after
        self.extra = extra or {}


class ConfigurationError(OstiaryError):
    """The installation is set up wrongly; ``faults`` names every fault at once."""

    code = "configuration_error"
    title = "Ostiary is not configured correctly."
    remedy = "Correct each setting that is named; `ostiary config check` tells all faults without starting."

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class InvalidRequest(OstiaryError):
    code = "invalid_request"
    status = 400
    title = "The request is not well formed."
    remedy = "Correct the request: `detail` says what is wrong, `field` where."


class AmbiguousCredentials(InvalidRequest):
    code = "ambiguous_credentials"
    title = "The request carries more than one credential; send exactly one."
    remedy = "Leave out all but one of session cookie, token cookie, API key and the `Authorization` header."


class WeakPassword(InvalidRequest):
    code = "weak_password"
    title = "This password cannot be used."
    remedy = "Choose another password; `reason` is `too_short`, `too_long`, `own_name`, `common` or `breached`."


class InvalidChallenge(InvalidRequest):
    code = "invalid_challenge"
    title = "This code or link is wrong, has been used, or has expired."
    remedy = "Use the newest mail, or ask for another one; when that does not help either, begin again."


class Unauthenticated(OstiaryError):
    code = "unauthenticated"
    status = 401
    title = "Sign in to continue."
    remedy = "Sign in, and send the session cookie or the access token with the request."


class StepUpRequired(Unauthenticated):
    code = "step_up_required"
    title = "Confirm that it is you to continue."
    remedy = "The session came from another device than before: `POST /api/auth/step-up` with the password, or sign in."


class DeviceProofRequired(Unauthenticated):
    code = "device_proof_required"
    title = "Sign in to continue: your browser could not show that this session is its own."
    remedy = (
        "The session is bound to a key of its browser, and the request lacks the cookie that shows it. A browser that "
        "has the key gets that cookie by itself; otherwise sign in again."
    )


class InsufficientAuthentication(Unauthenticated):
    """RFC 9470 section 3: who asks has signed in, but not well enough, or too long ago.

    ``extra`` says what is asked for: ``acr_values``, and ``max_age`` in seconds where the age of the proof counts.
    """

    code = "insufficient_user_authentication"
    title = "Confirm that it is you to continue."
    remedy = (
        "Step up: begin a flow with the purpose `step_up` and the `acr_values` and `max_age` that are named, and send "
        "the request again afterwards; a client that cannot, signs in again."
    )

    def __init__(self, level: str, max_age: int | None = None) -> None:
        super().__init__(extra={"acr_values": level} | ({} if max_age is None else {"max_age": max_age}))
        self.level = level
        self.max_age = max_age


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "The name or the password is not right."
    remedy = "Check the name and the password; which of the two was wrong, nobody is told."


class UnknownPasskey(InvalidCredentials):
    code = "unknown_passkey"
    title = "This passkey is not known here."
    remedy = (
        "Sign in another way. `rp_id` and `credential_id` are for `PublicKeyCredential.signalUnknownCredential()`, by "
        "which a browser tells whoever keeps the passkey that it is of no use."
    )


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    title = "The token is not valid."
    remedy = (
        "Refresh the access token; where the refresh token is refused too, sign in again. Of an API key, look whether "
        "all of it was copied; else its owner makes another one."
    )


class Forbidden(OstiaryError):
    code = "forbidden"
    status = 403
    title = "You may not do this."
    remedy = "Ask an administrator for the `permission` that is named, where one is."


class CsrfRejected(Forbidden):
    code = "csrf_rejected"
    title = "The request did not come from a page of this site; reload the page and try again."
    remedy = "Send the `csrf_token` of the sign-in or of `GET /api/auth/me` as `X-CSRF-Token`, from the same origin."


class DeviceChallenge(Forbidden):
    code = "device_challenge"
    title = "Sign the challenge to go on with this session."
    remedy = "For browsers (DBSC): sign the challenge in `Secure-Session-Challenge`, and send it to the same address."


class AccountDisabled(Forbidden):
    code = "account_disabled"
    title = "This account is disabled."
    remedy = "Ask an administrator to enable the account."


class PersonRequired(Forbidden):
    code = "person_required"
    title = "This takes a person who has signed in."
    remedy = "Sign in; an API key is no person and cannot reach what protects an account."


class NotFound(OstiaryError):
    code = "not_found"
    status = 404
    title = "There is nothing here."
    remedy = "Check the address and the ids in it; what was deleted is not there any more."


class MethodNotAllowed(OstiaryError):
    code = "method_not_allowed"
    status = 405
    title = "This address does not take that method."
    remedy = "Use one of the methods in the header `Allow`."


class Conflict(OstiaryError):
    code = "conflict"
    status = 409
    title = "This contradicts what is already there."
    remedy = "Read what is there, then change the request or what it contradicts; `detail` says which."


class UsernameTaken(Conflict):
    code = "username_taken"
    title = "This username is taken."
    remedy = "Choose another username."


class LastCredential(Conflict):
    code = "last_credential"
    title = "Without this there would be no way to sign in any more."
    remedy = "Add another credential first; `detail` says which kinds would do."


class TooManySessions(Conflict):
    code = "too_many_sessions"
    title = "This account is signed in at as many places as it may be."
    remedy = "Sign out at another place first; the list of sessions there shows them all."


class PreconditionFailed(OstiaryError):
    code = "precondition_failed"
    status = 412
    title = "It has changed since you read it; read it again and repeat the change."
    remedy = "Read it again, repeat the change on what is there now, and send its new `ETag` as `If-Match`."


class PayloadTooLarge(OstiaryError):
    code = "payload_too_large"
    status = 413
    title = "The request body is too large."
    remedy = "Send less; `detail` says how much is taken."


class UnsupportedMediaType(OstiaryError):
    code = "unsupported_media_type"
    status = 415
    title = "The request body has a content type that is not understood here."
    remedy = "Send JSON as `application/json`, and the forms of pages as `application/x-www-form-urlencoded`."


class RateLimited(OstiaryError):
    code = "rate_limited"
    status = 429
    title = "Too many requests; wait a little and try again."
    remedy = "Wait for the seconds in the header `Retry-After`."


class HeadersTooLarge(OstiaryError):
    code = "headers_too_large"
    status = 431
    title = "The request headers are too large; in a browser, remove the cookies of this site."
    remedy = "Send fewer or shorter headers; in a browser, remove the cookies of this site and of its whole domain."


class Unavailable(OstiaryError):
    code = "unavailable"
    status = 503
    title = "This cannot be answered right now; try again shortly."
    remedy = "Try again after the seconds in the header `Retry-After`, or in a few seconds where it is missing."
