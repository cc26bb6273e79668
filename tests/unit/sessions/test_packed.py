"""A session packed for Redis is the same session again, in any later version of Ostiary too."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.base.clock import DAY
from ostiary.base.ids import new_id
from ostiary.errors import Unavailable
from ostiary.sessions import Session
from ostiary.sessions.packed import pack, unpack

NOW = 1_767_225_600_000
HASH = bytes(range(32))
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36"
)


def session(**changed: object) -> Session:
    usual: dict[str, object] = {
        "id": "ses_01kdvdna000000000000000000",
        "id_hash": HASH,
        "account_id": "acc_01kdvdna01zzzzzzzzzzzzzzzz",
        "epoch": 0,
        "privilege_epoch": 0,
        "amr": "pwd",
        "acr": "aal1",
        "authenticated_at": NOW,
        "created_at": NOW,
        "seen_at": NOW + 90_001,
        "idle": 7 * DAY,
        "expires_at": NOW + 30 * DAY,
        "remembered": False,
        "superseded": False,
        "address": "203.0.113.7",
        "user_agent": CHROME.format(142),
    }
    return Session(**{**usual, **changed})  # type: ignore[arg-type]


times = st.integers(0, 2**47)
epochs = st.integers(0, 2**40)
texts = st.text(max_size=512)
words = st.text("abcdefghijklmnopqrstuvwxyz0123456789 ", max_size=40)
addresses = st.one_of(
    st.ip_addresses().map(str), st.sampled_from(["", "unknown", "::ffff:1.2.3.4", "010.1.1.1", "::1%lo"])
)


@given(
    made=times,
    whose=st.one_of(st.none(), times),
    times=st.tuples(times, times, times, times),
    idle=st.integers(0, 2**32 - 1),
    epochs=st.tuples(epochs, epochs),
    proved=st.tuples(words, words),
    flags=st.tuples(st.booleans(), st.booleans()),
    address=addresses,
    user_agent=texts,
    bound=st.one_of(st.just((b"", 0)), st.tuples(st.binary(max_size=300), st.integers(1, 2**47))),
)
def test_what_was_packed_is_the_same_again(
    made: int,
    whose: int | None,
    times: tuple[int, int, int, int],
    idle: int,
    epochs: tuple[int, int],
    proved: tuple[str, str],
    flags: tuple[bool, bool],
    address: str,
    user_agent: str,
    bound: tuple[bytes, int],
) -> None:
    before = Session(
        id=new_id("ses", made),
        id_hash=HASH,
        account_id=None if whose is None else new_id("acc", whose),
        epoch=epochs[0],
        privilege_epoch=epochs[1],
        amr=proved[0],
        acr=proved[1],
        authenticated_at=times[0],
        created_at=times[1],
        seen_at=times[2],
        idle=idle * 1000,
        expires_at=times[3],
        remembered=flags[0],
        superseded=flags[1],
        address=address,
        user_agent=user_agent,
        bound_key=bound[0],
        bound_at=bound[1],
    )
    assert unpack(HASH, pack(before)) == before


@pytest.mark.parametrize(
    ("packed", "before"),
    [
        (
            (
                "0104019b76dc079100093a80019c11597000019b76daa80000000000000000000000019b76daa801ffffffffffffffffffff"
                "9600000000c404cb007107c408a383ed46d8ac0700"
            ),
            session(),
        ),
        (
            (
                "0103019b76dc079100093a80019c11597000019b76daa800000000000000000000009803cd012c00d3fffffe6489255800c4"
                "1020010db8000000000000000000000007c40ce3222a679a98e0cd07405900c4027b7dcf0000019b76daa800"
            ),
            session(
                account_id=None,
                epoch=3,
                privilege_epoch=300,
                amr="",
                acr="",
                authenticated_at=0,
                remembered=True,
                superseded=True,
                address="2001:db8::7",
                user_agent=FIREFOX,
                bound_key=b"{}",
                bound_at=NOW,
            ),
        ),
    ],
)
def test_what_an_earlier_version_has_packed_is_read_for_ever(packed: str, before: Session) -> None:
    assert unpack(HASH, bytes.fromhex(packed)) == before


@pytest.mark.parametrize("user_agent", [FIREFOX, CHROME.format(131), CHROME.format(142) + " Edg/142.0.0.0"])
def test_a_usual_session_is_small(user_agent: str) -> None:
    assert len(pack(session(user_agent=user_agent))) <= 76


def test_what_a_newer_version_has_packed_is_not_taken_for_a_session_that_has_ended() -> None:
    packed = pack(session())
    with pytest.raises(Unavailable):
        unpack(HASH, bytes([packed[0] + 1]) + packed[1:])
