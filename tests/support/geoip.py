"""GeoIP databases as their makers write them, made for a test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]


def geoip_database(path: Path, places: Mapping[str, Any], kind: str = "GeoLite2-City") -> Path:
    """Write a database to ``path`` that knows the records in ``places``, by their networks; for one address, a /32."""
    writer = MMDBWriter(6, kind, languages=["en", "fr"], ipv4_compatible=True)
    for network, record in places.items():
        writer.insert_network(IPSet([network]), record)
    writer.to_db_file(str(path))
    return path


def city(name: str, of_country: str) -> dict[str, Any]:
    """A record of a City database, as far as it is read; names in two languages."""
    return {"city": _named(name), **country(of_country), "location": {"latitude": 45.7, "longitude": 4.8}}


def country(name: str) -> dict[str, Any]:
    """A record of a Country database."""
    return {"country": {"iso_code": name[:2].upper(), **_named(name)}, "continent": {"code": "EU", **_named("Europe")}}


def _named(name: str) -> dict[str, Any]:
    return {"geoname_id": len(name), "names": {"en": name, "fr": f"{name} en français"}}
