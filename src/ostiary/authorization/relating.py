"""How a subject is related to a resource: the tuples along which the model gives it a permission.

The answer is the perfect model of a stratified logic program (Przymusinski, 1988), worked out from what rests on
nothing upwards: what leads back to itself gives nothing by itself, and what stands after ``but not`` is known first.

Every way is found, not only the first: an explanation names all that decided. Only in a cycle those are left out that
would lead through it once more. The tuples at hand are those that speak of this subject, so there are few of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice

from ostiary.authorization.facts import Facts
from ostiary.authorization.relations import shown
from ostiary.authorization.schema import Direct, Exclusion, Expression, Named, Through, Union
from ostiary.authorization.strata import leaves

Way = tuple[str, ...]
_Node = tuple[str, str]
_Link = tuple["_Link | None", str]
"""A way from its end, sharing what it has in common with others: the rest, and the last step."""
_MOST = 100
"""Ways that are followed from one object on: where groups and folders cross, their number doubles at each crossing."""
_NO_WAY: tuple[_Link, ...] = ()


class Relating:
    """The answers about one subject and what is around one resource."""

    __slots__ = ("_facts", "_found", "_sets")

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._sets = {} if facts.subject is None else facts.subject.sets
        self._found: dict[_Node, tuple[_Link, ...]] = {}

    def ways(self, key: str, name: str) -> tuple[Way, ...]:
        """Each way to the relation or permission ``name`` on the object ``key``; empty where the subject has it not."""
        if (key, name) not in self._found:
            self._work_out((key, name))
        return tuple(dict.fromkeys(map(_followed, self._found[key, name])))

    def _work_out(self, asked: _Node) -> None:
        """Answer what is asked and all that it rests on, without recursion: objects may be far from each other."""
        after, rested_on_by = self._reach(asked)
        strata: dict[int, list[_Node]] = defaultdict(list)
        for node in after:
            strata[self._facts.model.stratum(_type(node[0]), node[1])].append(node)
        for number in sorted(strata):
            within = set(strata[number])
            pending = strata[number]
            for node in pending:  # grows where a cycle has to be gone around again
                if self._found.get(node):
                    continue
                expression = self._facts.model.node(_type(node[0]), node[1])
                self._found[node] = _few(self._through(expression, node[0])) if expression is not None else _NO_WAY
                if self._found[node]:
                    without = (each for each in rested_on_by[node] if each in within and each in self._found)
                    pending.extend(each for each in without if not self._found[each])

    def _reach(self, asked: _Node) -> tuple[list[_Node], dict[_Node, list[_Node]]]:
        """All that the answer rests on, each after what it rests on itself as far as cycles let it; and the reverse."""
        after: list[_Node] = []
        rested_on_by: dict[_Node, list[_Node]] = defaultdict(list)
        seen = {asked}
        way: list[tuple[_Node, Iterator[_Node]]] = [(asked, iter(self._rests_on(asked)))]
        while way:
            node, following = way[-1]
            for each in following:
                rested_on_by[each].append(node)
                if each not in seen and each not in self._found:
                    seen.add(each)
                    way.append((each, iter(self._rests_on(each))))
                    break
            else:
                after.append(node)
                way.pop()
        return after, rested_on_by

    def _rests_on(self, node: _Node) -> Iterator[_Node]:
        key, name = node
        expression = self._facts.model.node(_type(key), name)
        for leaf in () if expression is None else leaves(expression):
            if isinstance(leaf, Named):
                yield key, leaf.name
            elif isinstance(leaf, Through):
                for other in self._led_to(key, leaf.relation):
                    yield other, leaf.name

    def _through(self, expression: Expression, key: str) -> Iterable[_Link]:
        if isinstance(expression, Direct):
            return self._directly(key, expression.relation)
        if isinstance(expression, Named):
            return self._found.get((key, expression.name), _NO_WAY)
        if isinstance(expression, Through):
            return self._led(key, expression)
        if isinstance(expression, Exclusion):
            base = _few(self._through(expression.base, key))
            return _NO_WAY if base and _few(self._through(expression.without, key)) else base
        each = [_few(self._through(part, key)) for part in expression.of]
        if not isinstance(expression, Union) and not all(each):
            return _NO_WAY
        return (way for ways in each for way in ways)

    def _directly(self, key: str, relation: str) -> Iterator[_Link]:
        for subject in self._facts.around.tuples.get((key, relation), ()):
            if subject in self._sets:
                yield self._membership(subject), f"{key}#{relation}"

    def _led(self, key: str, through: Through) -> Iterator[_Link]:
        step = f"{key}#{through.relation}"
        for other in self._led_to(key, through.relation):
            for way in self._found.get((other, through.name), _NO_WAY):
                yield way, step

    def _led_to(self, key: str, relation: str) -> Iterator[str]:
        """Objects that a relation leads to, of the types that it may: by these alone the model was put into strata."""
        targets = self._facts.model.targets(_type(key), relation)
        for other in self._facts.around.tuples.get((key, relation), ()):
            if _type(other) in targets:
                yield other

    def _membership(self, subject: str) -> _Link:
        """The subject's own way into a set that it belongs to, itself first."""
        way = [subject]
        while (before := self._sets[way[-1]]) != "":
            way.append(before)
        link: _Link = None, shown(way.pop())
        while way:
            link = link, shown(way.pop())
        return link


def _type(key: str) -> str:
    return key.partition(":")[0]


def _few(ways: Iterable[_Link]) -> tuple[_Link, ...]:
    """So many as are followed, without those that end in the same step of the same way."""
    found = tuple(islice(ways, _MOST))
    return found if len(found) < 2 else tuple({(id(rest), step): (rest, step) for rest, step in found}.values())


def _followed(link: _Link) -> Way:
    steps: list[str] = []
    rest: _Link | None = link
    while rest is not None:
        rest, step = rest
        steps.append(step)
    return tuple(reversed(steps))
