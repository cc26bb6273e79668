"""Settings of SMS and of breached passwords: what is wrong is said at the start, by the name of the setting."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

from ostiary.errors import ConfigurationError
from ostiary.settings import Settings, dev_settings, load, production_faults

KEY = "whsec_" + base64.b64encode(bytes(24)).decode()


def faults_of(**environ: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load({f"OSTIARY_{name}": value for name, value in environ.items()})
    return caught.value.faults


def sms(**environ: str) -> Settings:
    return load({f"OSTIARY_SMS_{name.upper()}": value for name, value in environ.items()})


def test_sms_are_off_unless_they_are_switched_on() -> None:
    assert load({}).sms.sender == "off"


def test_a_gateway_is_set_with_its_token_key_and_countries() -> None:
    found = sms(
        sender="webhook", url="https://sms.example.com/send?x=1", token="t0ken", signing_key=KEY, regions="de, at"
    ).sms
    assert (found.url, found.regions) == ("https://sms.example.com/send?x=1", ("DE", "AT"))
    assert found.token is not None
    assert found.signing_key is not None
    assert (found.token.reveal(), found.signing_key.reveal()) == ("t0ken", KEY)
    assert "t0ken" not in repr(found)
    assert KEY not in repr(found)


@pytest.mark.parametrize(("regions", "region"), [("DE", "DE"), ("DE,AT", None), ("", None)])
def test_numbers_are_read_as_in_the_one_country_that_is_allowed(regions: str, region: str | None) -> None:
    assert sms(regions=regions).sms.default_region == region


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("", "sms.url: is needed"),
        ("http://sms.example.com", "sms.url: would send numbers and codes in clear"),
        ("http://10.0.0.1/sms", "sms.url: would send numbers and codes in clear"),
        ("http://localhost.example.com", "sms.url: would send numbers and codes in clear"),
        ("https://user:password@sms.example.com", "sms.url: 'https://user:password@sms.example.com'"),
        ("https://sms.example.com/#x", "sms.url: 'https://sms.example.com/#x'"),
        ("ftp://sms.example.com", "sms.url: 'ftp://sms.example.com'"),
        ("https://sms.example.com/\r\nX: y", "sms.url: "),
        ("https://", "sms.url: "),
    ],
)
def test_a_gateway_that_is_missing_or_would_be_told_in_clear_is_refused(url: str, fault: str) -> None:
    [found] = faults_of(SMS_SENDER="webhook", SMS_URL=url)
    assert found.startswith(fault)


@pytest.mark.parametrize("url", ["http://localhost:8080/sms", "http://127.0.0.1", "http://[::1]:1"])
def test_a_gateway_on_this_machine_needs_no_tls(url: str) -> None:
    assert sms(sender="webhook", url=url).sms.url == url


@pytest.mark.parametrize("key", ["secret", "whsec_", "whsec_AAAA", "whsec_" + "A" * 200, "whsec_????", KEY[6:]])
def test_a_signing_key_that_is_none_is_refused_and_not_repeated(key: str) -> None:
    [fault] = faults_of(SMS_SIGNING_KEY=key)
    assert fault.startswith("sms.signing_key: ")
    assert repr(key) not in fault


@pytest.mark.parametrize("regions", ["Germany", "49", "D", "DE,,AT"])
def test_what_is_no_code_of_a_country_is_refused(regions: str) -> None:
    assert "two-letter codes" in faults_of(SMS_REGIONS=regions)[0]


def test_a_country_that_does_not_exist_is_refused() -> None:
    assert faults_of(SMS_REGIONS="DE,UK,XX") == ["sms.regions: UK, XX is no country with numbers"]


def test_sms_without_the_reader_of_numbers_are_refused_and_development_does_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert dev_settings(tmp_path).sms.sender == "outbox"
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    assert faults_of(SMS_SENDER="outbox") == ["sms.sender: needs a reader of numbers: pip install 'ostiary[phone]'"]
    assert dev_settings(tmp_path).sms.sender == "off"


def test_an_outbox_is_not_for_production() -> None:
    faults = production_faults(sms(sender="outbox"))
    assert 'sms.sender: SMS would stay in the outbox; set it to "webhook" or "off"' in faults
    assert not [fault for fault in production_faults(sms()) if fault.startswith("sms.")]


@pytest.mark.parametrize(
    ("environ", "fault"),
    [
        ({"PASSWORDS_BREACH_URL": "http://api.example.com/range/"}, "would tell the network"),
        ({"PASSWORDS_BREACH_URL": "https://api.example.com/range/?mode=ntlm"}, "has a query"),
        ({"PASSWORDS_BREACH_REQUIRED": "true"}, "needs passwords.breach_url"),
        ({"PASSWORDS_BREACH_MIN": "0"}, "whole number; from 1"),
    ],
)
def test_a_list_of_breached_passwords_that_cannot_be_asked_is_refused(environ: dict[str, str], fault: str) -> None:
    [found] = faults_of(**environ)
    assert found.startswith("passwords.breach_")
    assert fault in found
