"""Devices, from user agents as browsers send them: named for people, told apart for the safety of sessions."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ostiary.sessions import devices
from ostiary.sessions.devices import MAX_USER_AGENT, device_name, same_device, same_network

_WIN = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
_X11 = "Mozilla/5.0 (X11; Linux x86_64"
_ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X)"
_IPAD = "Mozilla/5.0 (iPad; CPU OS 18_6 like Mac OS X)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_CHROME = "Chrome/140.0.0.0"

CHROME_WINDOWS = f"{_WIN}) {_BLINK} {_CHROME} Safari/537.36"
CHROME_LINUX = f"{_X11}) {_BLINK} {_CHROME} Safari/537.36"
CHROME_ANDROID = f"{_ANDROID} {_BLINK} {_CHROME} Mobile Safari/537.36"
CHROME_IPHONE = f"{_IPHONE} {_WEBKIT} CriOS/140.0.7339.101 Mobile/15E148 Safari/604.1"
EDGE_WINDOWS = f"{CHROME_WINDOWS} Edg/140.0.0.0"
FIREFOX_WINDOWS = f"{_WIN}; rv:142.0) Gecko/20100101 Firefox/142.0"
FIREFOX_LINUX = f"{_X11}; rv:142.0) Gecko/20100101 Firefox/142.0"
FIREFOX_ANDROID = "Mozilla/5.0 (Android 15; Mobile; rv:142.0) Gecko/142.0 Firefox/142.0"
SAFARI_MAC = f"{_MAC} {_WEBKIT} Version/18.6 Safari/605.1.15"
SAFARI_IPHONE = f"{_IPHONE} {_WEBKIT} Version/18.6 Mobile/15E148 Safari/604.1"
SAFARI_IPAD = f"{_IPAD} {_WEBKIT} Version/18.6 Mobile/15E148 Safari/604.1"
VIVALDI = f"{CHROME_LINUX} Vivaldi/7.5.3735.74"
WEBVIEW = (
    f"Mozilla/5.0 (Linux; Android 15; Pixel 8 Build/AP4A; wv) {_BLINK} Version/4.0 Chrome/140.0.7339.51"
    " Mobile Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

NAMES = {
    CHROME_WINDOWS: "Chrome on Windows",
    f"{_MAC} {_BLINK} {_CHROME} Safari/537.36": "Chrome on macOS",
    CHROME_LINUX: "Chrome on Linux",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_BLINK} {_CHROME} Safari/537.36": "Chrome on ChromeOS",
    CHROME_ANDROID: "Chrome on Android",
    CHROME_IPHONE: "Chrome on iPhone",
    EDGE_WINDOWS: "Edge on Windows",
    f"{_MAC} {_BLINK} {_CHROME} Safari/537.36 Edg/140.0.0.0": "Edge on macOS",
    f"{_ANDROID} {_BLINK} {_CHROME} Mobile Safari/537.36 EdgA/140.0.0.0": "Edge on Android",
    f"{_IPHONE} {_WEBKIT} Version/18.0 EdgiOS/140.0.3485.54 Mobile/15E148 Safari/605.1.15": "Edge on iPhone",
    FIREFOX_WINDOWS: "Firefox on Windows",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:142.0) Gecko/20100101 Firefox/142.0": "Firefox on macOS",
    FIREFOX_LINUX: "Firefox on Linux",
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0": "Firefox on Linux",
    FIREFOX_ANDROID: "Firefox on Android",
    f"{_IPAD} {_WEBKIT} FxiOS/142.0 Mobile/15E148 Safari/605.1.15": "Firefox on iPad",
    SAFARI_MAC: "Safari on macOS",
    SAFARI_IPHONE: "Safari on iPhone",
    SAFARI_IPAD: "Safari on iPad",
    f"{_ANDROID} {_BLINK} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36": "Samsung Internet on Android",
    f"{_WIN}) {_BLINK} Chrome/139.0.0.0 Safari/537.36 OPR/121.0.0.0": "Opera on Windows",
    f"{_ANDROID} {_BLINK} Chrome/139.0.0.0 Mobile Safari/537.36 OPR/91.0.0.0": "Opera on Android",
    "curl/8.14.1": "curl",
    "Wget/1.25.0": "Wget",
    "python-httpx/0.28.1": "python-httpx",
    "okhttp/4.12.0": "okhttp",
    "Go-http-client/2.0": "Go-http-client",
    "node": "node",
    "": "Unknown device",
}
"""What everybody's list knows: the names are the same with the extra ``ua`` and without it."""

NAMES_APART = {
    VIVALDI: ("Vivaldi on Linux", "Chrome on Linux"),
    f"{CHROME_ANDROID.replace(' Mobile', ' Mobile DuckDuckGo/5')}": ("DuckDuckGo on Android", "Chrome on Android"),
    WEBVIEW: ("Chrome WebView on Android", "Chrome on Android"),
    f"{_IPHONE} {_WEBKIT} Mobile/15E148": ("Safari WebView on iPhone", "iPhone"),
    "python-requests/2.32.5": ("Python Requests", "python-requests"),
    GOOGLEBOT: ("Googlebot", GOOGLEBOT[:60]),
}
"""With the extra, and without it."""


@pytest.fixture(params=["ua-parser", "the built-in list"])
def extra(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[bool]:
    """Whether the extra ``ua`` is installed: once it is, once its import fails."""
    installed = request.param == "ua-parser"
    if not installed:
        monkeypatch.setitem(sys.modules, "ua_parser.regex", None)
    _begin_anew()
    yield installed
    _begin_anew()


def _begin_anew() -> None:
    devices._parser.cache_clear()
    devices._family.cache_clear()


@pytest.mark.usefixtures("extra")
@pytest.mark.parametrize(("user_agent", "name"), NAMES.items())
def test_a_device_is_named_by_browser_and_system(user_agent: str, name: str) -> None:
    assert device_name(user_agent) == name


@pytest.mark.parametrize(("user_agent", "names"), NAMES_APART.items())
def test_ua_parser_knows_browsers_that_look_like_others(user_agent: str, names: tuple[str, str], extra: bool) -> None:
    assert device_name(user_agent) == names[0 if extra else 1]


@pytest.mark.usefixtures("extra")
@pytest.mark.parametrize(
    ("before", "now"),
    [
        (CHROME_WINDOWS, CHROME_WINDOWS.replace("140", "141")),
        (CHROME_ANDROID, CHROME_ANDROID.replace("140", "141").replace("Android 10", "Android 16")),
        (CHROME_ANDROID, CHROME_ANDROID.replace("Mobile ", "")),  # a phone that is unfolded asks as a tablet does
        (CHROME_IPHONE, CHROME_IPHONE.replace("CriOS/140.0.7339.101", "CriOS/141.0.7390.26").replace("18_6", "26_0")),
        (EDGE_WINDOWS, EDGE_WINDOWS.replace("140", "141")),
        (FIREFOX_WINDOWS, FIREFOX_WINDOWS.replace("142", "143")),
        (FIREFOX_LINUX, FIREFOX_LINUX.replace("X11; ", "X11; Ubuntu; ").replace("142", "128")),
        (FIREFOX_ANDROID, FIREFOX_ANDROID.replace("142", "143").replace("Mobile", "Tablet")),
        (SAFARI_MAC, SAFARI_MAC.replace("18.6", "26.0")),
        (SAFARI_IPHONE, SAFARI_IPHONE.replace("18_6", "26_0").replace("18.6", "26.0")),
        ("curl/8.14.1", "curl/8.15.0"),
        ("MyApp/3 (build 7)", "MyApp/4 (build 9)"),
        (GOOGLEBOT, GOOGLEBOT),
        ("what is that", "what is that"),
        ("", ""),
    ],
)
def test_an_update_is_no_other_device(before: str, now: str) -> None:
    assert same_device(before, now)
    assert same_device(now, before)


@pytest.mark.usefixtures("extra")
def test_another_browser_or_another_system_is_another_device() -> None:
    named: dict[str, str] = {}
    for user_agent, name in NAMES.items():
        named.setdefault(name, user_agent)
    assert [pair for pair in combinations(named.values(), 2) if same_device(*pair)] == []


@pytest.mark.usefixtures("extra")
@pytest.mark.parametrize(
    ("before", "now"),
    [
        ("", CHROME_LINUX),
        ("what is that", "what was that"),
        ("Mozilla/5.0", "Mozilla/5.0 (X11; Linux x86_64)"),
        (f"{_X11})", f"{_X11}) x"),  # a system alone is none: the browser could be any
        ("MyApp/3", "YourApp/3"),
    ],
)
def test_what_names_no_browser_is_the_same_only_as_itself(before: str, now: str) -> None:
    assert not same_device(before, now)
    assert not same_device(now, before)


def test_what_stands_behind_512_characters_counts_for_nothing() -> None:
    kept = f"{'x' * 500} Firefox/142"[:MAX_USER_AGENT]  # as much of it as a session has kept
    assert same_device(kept, f"{kept}.0")
    assert not same_device(f"{'x' * 512} {FIREFOX_LINUX}", f"{'y' * 512} {FIREFOX_LINUX}")
    assert device_name(f"{'x' * 100_000} {FIREFOX_LINUX}") == "x" * 60


@pytest.mark.usefixtures("extra")
@given(st.text(st.characters(max_codepoint=255)), st.text(st.characters(max_codepoint=255)))
def test_any_text_is_the_same_device_as_itself_and_has_a_name(one: str, other: str) -> None:
    assert same_device(one, one)
    assert same_device(one, other) == same_device(other, one)
    assert 1 <= len(device_name(one)) <= 60


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.113.7", "203.0.113.250", True),
        ("203.0.113.7", "203.0.114.7", False),
        ("2001:db8:1:2::3", "2001:db8:1:ff:a::b", True),
        ("2001:db8:1::3", "2001:db8:2::3", False),
        ("2001:db8:1::3", "2001:0DB8:0001::4", True),
        ("203.0.113.7", "2001:db8:1::3", False),
        ("::ffff:203.0.113.7", "203.0.113.9", True),
        ("::ffff:203.0.113.7", "::ffff:198.51.100.7", False),
        ("", "", True),
        ("", "203.0.113.7", False),
        ("unix", "unix", True),
        ("unix", "unix:", False),
        ("203.0.113", "203.0.113.7", False),
    ],
)
def test_a_network_is_a_24_of_ipv4_or_a_48_of_ipv6(before: str, now: str, same: bool) -> None:
    assert same_network(before, now) is same
    assert same_network(now, before) is same
