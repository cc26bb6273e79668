"""SHA-1, for one thing only: the form in which lists of breached passwords are published and asked."""

from __future__ import annotations

import hashlib


def sha1_of_password(password: str) -> str:
    """The SHA-1 of a password in UTF-8, as 40 hexadecimal digits in upper case. To be kept nowhere."""
    return hashlib.sha1(password.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest().upper()
