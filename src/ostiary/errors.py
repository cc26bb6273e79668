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
        detail: a public sentence about this occurrence; never holds secrets or internals.
        field: the input member at fault, as a dotted path, where one is.
        retry_after: whole seconds after which trying again makes sense, where that is known.
        extra: further public members of the problem details.
    """

    code = "internal_error"
    status = 500
    title = "Something went wrong on our side."

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

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class InvalidRequest(OstiaryError):
    code = "invalid_request"
    status = 400
    title = "The request is not well formed."


class AmbiguousCredentials(InvalidRequest):
    code = "ambiguous_credentials"
    title = "The request carries more than one credential; send exactly one."


class WeakPassword(InvalidRequest):
    code = "weak_password"
    title = "This password cannot be used."


class InvalidChallenge(InvalidRequest):
    code = "invalid_challenge"
    title = "This code or link is wrong, has been used, or has expired."


class Unauthenticated(OstiaryError):
    code = "unauthenticated"
    status = 401
    title = "Sign in to continue."


class InvalidCredentials(Unauthenticated):
    code = "invalid_credentials"
    title = "The name or the password is not right."


class InvalidToken(Unauthenticated):
    code = "invalid_token"
    title = "The token is not valid."


class Forbidden(OstiaryError):
    code = "forbidden"
    status = 403
    title = "You may not do this."


class CsrfRejected(Forbidden):
    code = "csrf_rejected"
    title = "The request did not come from a page of this site; reload the page and try again."


class AccountDisabled(Forbidden):
    code = "account_disabled"
    title = "This account is disabled."


class NotFound(OstiaryError):
    code = "not_found"
    status = 404
    title = "There is nothing here."


class MethodNotAllowed(OstiaryError):
    code = "method_not_allowed"
    status = 405
    title = "This address does not take that method."


class Conflict(OstiaryError):
    code = "conflict"
    status = 409
    title = "This contradicts what is already there."


class UsernameTaken(Conflict):
    code = "username_taken"
    title = "This username is taken."


class PreconditionFailed(OstiaryError):
    code = "precondition_failed"
    status = 412
    title = "It has changed since you read it; read it again and repeat the change."


class PayloadTooLarge(OstiaryError):
    code = "payload_too_large"
    status = 413
    title = "The request body is too large."


class UnsupportedMediaType(OstiaryError):
    code = "unsupported_media_type"
    status = 415
    title = "The request body has a content type that is not understood here."


class RateLimited(OstiaryError):
    code = "rate_limited"
    status = 429
    title = "Too many requests; wait a little and try again."


class HeadersTooLarge(OstiaryError):
    code = "headers_too_large"
    status = 431
    title = "The request headers are too large."


class Unavailable(OstiaryError):
    code = "unavailable"
    status = 503
    title = "This cannot be answered right now; try again shortly."
