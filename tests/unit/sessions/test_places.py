"""Places by network address, from GeoIP databases, whose files may be replaced under a running server."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ostiary.errors import ConfigurationError
from ostiary.sessions.places import Places
from tests.support.geoip import city, country, geoip_database

CITIES = {
    "203.0.113.0/24": city("Lyon", "France"),
    "198.51.100.0/24": country("Germany"),
    "2001:db8:7::/48": city("Santa Cruz de Tenerife", "Spain"),
    "192.0.2.0/25": city("Singapore", "Singapore"),
    "192.0.2.128/25": {"city": {"names": {"en": "Atlantis"}}},
}


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    return geoip_database(tmp_path / "cities.mmdb", CITIES)


@pytest.fixture
def places(cities: Path) -> Iterator[Places]:
    opened = Places.open(cities)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "Lyon, France"),
        ("198.51.100.7", "Germany"),
        ("2001:db8:7:1::2", "Santa Cruz de Tenerife, Spain"),
        ("192.0.2.1", "Singapore"),
        ("192.0.2.200", "Atlantis"),
    ],
)
def test_an_address_is_in_a_city_and_a_country_as_far_as_they_are_known(
    places: Places, address: str, place: str
) -> None:
    assert [places.of(address), places.of(address)] == [place, place]


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.17", "127.0.0.1", "::1", "fd00::1", "fe80::1%eth0"])
def test_a_private_address_is_in_no_place(places: Places, address: str) -> None:
    assert places.of(address) is None


@pytest.mark.parametrize("address", ["9.9.9.9", "2001:db8:8::1", "", "unix", "203.0.113.7, 10.0.0.1", "\x00" * 9999])
def test_what_the_database_does_not_know_is_in_no_place(places: Places, address: str) -> None:
    assert places.of(address) is None


def test_a_database_of_countries_tells_countries(tmp_path: Path) -> None:
    file = geoip_database(tmp_path / "countries.mmdb", {"203.0.113.0/24": country("France")}, "GeoLite2-Country")
    opened = Places.open(file)
    assert opened.of("203.0.113.7") == "France"
    opened.close()


def test_without_a_database_no_place_is_known() -> None:
    assert Places.open(None).of("203.0.113.7") is None


def test_an_address_does_not_push_out_all_others(places: Places) -> None:
    for number in range(5000):
        assert places.of(f"203.0.{number % 256}.{number // 256}") == ("Lyon, France" if number % 256 == 113 else None)
    assert places.of("203.0.113.7") == "Lyon, France"


def _refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as refused:
        Places.open(path)
    (fault,) = refused.value.faults
    assert fault.startswith(f"geo.database: {path} ")
    assert fault.endswith("it takes a GeoIP2 or GeoLite2 City or Country database")
    return fault


def test_what_is_no_database_of_places_is_refused(tmp_path: Path, cities: Path) -> None:
    whole = cities.read_bytes()
    for content in (b"", b"x", b"\x00" * 5000, whole[:-300], whole[-300:]):
        bad = tmp_path / "bad.mmdb"
        bad.write_bytes(content)
        assert "is no database in the MaxMind DB format" in _refused(bad)


def test_a_database_of_something_else_is_refused(tmp_path: Path) -> None:
    network = {"203.0.113.0/24": {"autonomous_system_number": 64496, "country": "FR"}}
    assert "names no cities or countries" in _refused(geoip_database(tmp_path / "asn.mmdb", network, "GeoLite2-ASN"))


def test_a_file_that_is_not_there_or_none_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")  # to open it would wait for ever
    for path in (tmp_path / "nowhere.mmdb", tmp_path, tmp_path / "pipe"):
        assert "is not there, or no file" in _refused(path)


def test_without_the_extra_a_database_is_refused_with_the_way_to_install_it(
    cities: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "maxminddb", None)
    with pytest.raises(ConfigurationError, match=r"geo\.database: .*pip install 'ostiary\[geo\]'"):
        Places.open(cities)
    assert Places.open(None).of("203.0.113.7") is None


def test_a_database_that_is_replaced_is_read_without_a_restart(tmp_path: Path, places: Places, cities: Path) -> None:
    assert places.of("203.0.113.7") == "Lyon, France"
    geoip_database(tmp_path / "new.mmdb", {"203.0.113.0/24": city("Nantes", "France")}).rename(cities)
    assert places.of("203.0.113.7") == "Nantes, France"


def test_a_file_that_is_overwritten_in_place_is_read_when_it_is_whole(
    tmp_path: Path, places: Places, cities: Path, caplog: pytest.LogCaptureFixture
) -> None:
    new = geoip_database(tmp_path / "new.mmdb", {"203.0.113.0/24": city("Nantes", "France")}).read_bytes()
    assert places.of("203.0.113.7") == "Lyon, France"
    with caplog.at_level(logging.WARNING, "ostiary"), cities.open("r+b") as file:
        file.truncate(0)
        assert places.of("203.0.113.7") is None
        assert places.of("203.0.113.8") is None
        assert [record.message.partition(":")[0] for record in caplog.records] == [
            "sign-ins are listed without places until this is put right"
        ]
        for at in range(0, len(new), 100):
            file.write(new[at : at + 100])
            file.flush()
            assert places.of("203.0.113.7") in (None, "Nantes, France")
    assert places.of("203.0.113.7") == "Nantes, France"


def test_what_is_read_in_the_middle_of_a_change_may_be_nothing_and_is_never_an_error(
    places: Places, cities: Path
) -> None:
    whole, before = cities.read_bytes(), cities.stat()
    found = set()
    for at in range(0, len(whole), 11):
        cities.write_bytes(whole[:at] + b"\xff" * 40 + whole[at + 40 :])
        os.utime(cities, ns=(before.st_atime_ns, before.st_mtime_ns))  # so that nothing tells that it has changed
        found.add(places.of(f"2001:db8:7::{at:x}"))
    assert {None, "Santa Cruz de Tenerife, Spain"} <= found


def test_a_process_that_reads_while_the_file_is_overwritten_lives_on(cities: Path) -> None:
    """One that has mapped the file into memory ends by SIGBUS where it reads what was cut off a moment ago."""
    whole = cities.read_bytes()
    command = [sys.executable, "-c", _READ_ON, str(cities)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdin is not None
        assert reader.stdout is not None
        assert reader.stdout.read(1) == b"."
        for _ in range(3000):
            with cities.open("r+b") as file:
                file.truncate(0)
                file.write(whole)
        os.utime(cities, ns=(0, 0))  # the clock of the file system may not have moved since the change before
        reader.stdin.close()
        assert reader.stdout.read() == b"Lyon, France"
    assert reader.returncode == 0


_READ_ON = """
import select, sys
from pathlib import Path
from ostiary.sessions.places import Places

places = Places.open(Path(sys.argv[1]))
print(end=".", flush=True)
number = 0
while not select.select([sys.stdin], [], [], 0)[0]:
    number += 1
    places.of(f"203.0.113.{number % 256}")
print(end=places.of("203.0.113.7"))
"""
