"""Standard Webhooks 1.0.0, section "Webhook signatures": the examples of its specification and of its libraries."""

from __future__ import annotations

import pytest

from ostiary.crypto.webhooks import webhook_headers


@pytest.mark.parametrize(
    ("key", "id_", "timestamp", "body", "signature"),
    [
        (
            "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD",
            "msg_27UH4WbU6Z5A5EzD8u03UvzRbpk",
            1649367553,
            b'{"email":"test@example.com","username":"test_user"}',
            "v1,tZ1I4/hDygAJgO5TYxiSd6Sd0kDW6hPenDe+bTa3Kkw=",
        ),
        (
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1614265330,
            b'{"test": 2432232314}',
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        ),
    ],
)
def test_a_message_is_signed_as_the_examples_are(
    key: str, id_: str, timestamp: int, body: bytes, signature: str
) -> None:
    assert webhook_headers(key, id=id_, timestamp=timestamp, body=body) == {
        "webhook-id": id_,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature,
    }
