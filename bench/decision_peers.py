"""pycasbin, Cedar (cedarpy) and oso, given the same facts as Ostiary, each in the form that suits it best.

All of them hold the facts in memory and read no database. They are the dependency group ``bench``; which of them is not
installed is left out.
"""

from __future__ import annotations

import importlib
import itertools
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

Check = Callable[[int], bool]
"""Whether the peer allows the question of this number."""
Build = Callable[[int], Check]
"""A peer with so many facts in it."""

PATIENCE = 6.0
"""Seconds that a peer may take to be given its facts, or for one round of checks, before it is spared larger ones."""


class Point(NamedTuple):
    """A peer at one size; ``times`` checks of it are about as long as a round should be."""

    name: str
    check: Check
    times: int


class Peers:
    """Those that are installed, at growing sizes, each until it takes too long."""

    def __init__(self, builds: dict[str, Build]) -> None:
        self._left = {name: build for name, build in builds.items() if _is_installed(name)}
        self._spared: list[str] = []

    def at(self, size: int) -> Iterator[Point]:
        """One after the other, so that no two of them are in memory together."""
        for name in self._spared:
            print(f"{name} is spared {size:,} facts: fewer took too long", flush=True)
        for name, build in list(self._left.items()):
            start = time.perf_counter()
            check = build(size)
            built = time.perf_counter() - start
            if not all(check(number) for number in range(3)):
                raise RuntimeError(f"{name} denies what its facts allow")
            start = time.perf_counter()
            check(3)
            once = time.perf_counter() - start
            yield Point(name, check, max(1, min(500, int(0.05 / once))))
            del check
            if built > PATIENCE or once > PATIENCE / 10:
                del self._left[name]
                self._spared.append(name)


_MODULES = {"pycasbin": "casbin", "Cedar": "cedarpy", "oso": "oso"}


def _is_installed(name: str) -> bool:
    module = next(module for start, module in _MODULES.items() if name.startswith(start))
    try:
        importlib.import_module(module)
    except ImportError:
        print(f"{name} is not installed and left out")
        return False
    return True


_CASBIN = """
[request_definition]
r = sub, obj, act
[policy_definition]
p = sub, obj, act
[role_definition]
g = _, _
{more}
[policy_effect]
e = some(where (p.eft == allow))
[matchers]
m = {matcher}
"""


def casbin_enforcer(
    matcher: str, rules: Sequence[Sequence[str]], links: Mapping[str, Iterable[tuple[str, str]]], *, fast: bool = False
) -> Any:
    """An enforcer over policy ``rules`` and the ``links`` of ``g``, ``g2``, put in without writing a file.

    ``fast``: rules are looked up by object and action, as far as they are named in full.
    """
    casbin = importlib.import_module("casbin")
    more = "\n".join(f"{name} = _, _" for name in links if name != "g")
    model = casbin.FastModel([1, 2]) if fast else casbin.Model()
    model.load_model_from_text(_CASBIN.format(matcher=matcher, more=more))
    enforcer = casbin.FastEnforcer(model, cache_key_order=[1, 2]) if fast else casbin.Enforcer(model)
    for rule in rules:
        model["p"]["p"].policy.append(list(rule))
    for name, pairs in links.items():
        roles = enforcer.rm_map[name]
        for one, other in pairs:
            roles.add_link(one, other)
        model["g"][name].rm = roles
    return enforcer


def cedar(policies: str, entities: list[dict[str, Any]]) -> Callable[[dict[str, Any]], bool]:
    """Cedar with policies and entities parsed once."""
    cedarpy = importlib.import_module("cedarpy")
    parsed = cedarpy.PolicySet.from_str(policies)
    known = cedarpy.Entities.from_json_str(json.dumps(entities))
    return lambda request: bool(cedarpy.is_authorized(request, parsed, known).allowed)


def entity(kind: str, id_: str, parents: Iterable[tuple[str, str]] = (), **attrs: Any) -> dict[str, Any]:
    """One entity of Cedar's as JSON."""
    above = [{"type": type_, "id": parent} for type_, parent in parents]
    return {"uid": {"type": kind, "id": id_}, "attrs": attrs, "parents": above}


def request(principal: tuple[str, str], action: str, resource: tuple[str, str]) -> dict[str, Any]:
    """One question for Cedar."""
    return {
        "principal": {"type": principal[0], "id": principal[1]},
        "action": {"type": "Action", "id": action},
        "resource": {"type": resource[0], "id": resource[1]},
    }


def oso(rules: Iterable[str], classes: Iterable[type] = ()) -> Any:
    """oso with these rules of Polar."""
    engine = importlib.import_module("oso").Oso()
    for each in classes:
        engine.register_class(each)
    engine.load_str("\n".join(rules))
    return engine


def cycled(questions: Sequence[Any]) -> Callable[[int], Any]:
    """The question of a number, from the first again after the last."""
    return lambda number: questions[number % len(questions)]


def spread(most: int, count: int = 500) -> list[int]:
    """``count`` numbers below ``most``, all over the range and the same in each run."""
    return [number * 7919 % most for number in itertools.islice(itertools.count(1), count)]
