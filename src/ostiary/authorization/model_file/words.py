"""What a change of the model changes, in words: for whoever approves it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from ostiary.authorization.model_file.expressions import show
from ostiary.authorization.schema import (
    Attribute,
    AuthorizationModel,
    Expression,
    PolicyDefinition,
    RoleDefinition,
    TypeDefinition,
    Union,
)


def differences(before: AuthorizationModel, after: AuthorizationModel) -> tuple[str, ...]:
    """One sentence for each change, types first, in a stable order; empty where nothing of meaning has changed."""
    return (*_types(before, after), *_roles(before, after), *_policies(before, after), *_windows(before, after))


def _types(before: AuthorizationModel, after: AuthorizationModel) -> Iterator[str]:
    for name in _all(before.types, after.types):
        old, new = before.types.get(name), after.types.get(name)
        if new is None:
            yield f"the type {name} is gone"
            continue
        if old is None:
            yield f"there is a type {name}"
        yield from _type(old or TypeDefinition(name), new)


def _type(old: TypeDefinition, new: TypeDefinition) -> Iterator[str]:
    name = new.name
    for relation in _all(old.relations, new.relations):
        kinds, others = _written(new.relations.get(relation, ())), _written(old.relations.get(relation, ()))
        if relation not in new.relations:
            yield f"{name} has no relation {relation} any more"
        elif relation not in old.relations:
            yield f"{name} has a relation {relation}: {', '.join(kinds)}"
        else:
            yield from _gained(f"{relation} of {name}", kinds, others, "may also be {}", "may not be {} any more")
    for action in _all(old.permissions, new.permissions):
        yield from _permission(f"{name}.{action}", old.permissions.get(action), new.permissions.get(action))
    yield from _gained(name, new.parents, old.parents, "is also in its {}", "is not in its {} any more")
    yield from _gained(
        f"an access control list of {name}", new.acl, old.acl, "may also give {}", "may not give {} any more"
    )
    if set(old.acl) == set(new.acl) and old.acl != new.acl:
        yield f"an access control list of {name} gives, from the widest on, {', '.join(new.acl)}"
    if old.owner != new.owner:
        yield f"{name} may not be without {new.owner}" if new.owner else f"{name} may be without {old.owner}"
    if old.by_attribute != new.by_attribute:
        yield (
            f"{name} stands for accounts by their {new.by_attribute}"
            if new.by_attribute
            else (f"{name} does not stand for accounts any more")
        )
    yield from _attributes(name, old.attributes, new.attributes)


def _permission(name: str, old: Expression | None, new: Expression | None) -> Iterator[str]:
    if new is None:
        yield f"there is no permission {name} any more"
    elif old is None:
        yield f"there is a permission {name}, held by {show(new)}"
    elif set(_alternatives(old)) != set(_alternatives(new)):
        gained = [each for each in _alternatives(new) if each not in _alternatives(old)]
        lost = [each for each in _alternatives(old) if each not in _alternatives(new)]
        if gained and lost:
            yield f"{name} is held by {show(new)}, and was by {show(old)}"
        else:
            yield from (f"{name} is also held by {each}" for each in gained)
            yield from (f"{name} is not held by {each} any more" for each in lost)


def _alternatives(expression: Expression) -> tuple[str, ...]:
    """Whoever is in one of these has it; one that is no ``or`` is its only alternative."""
    if isinstance(expression, Union):
        return tuple(show(each) for each in expression.of)
    return (show(expression),)


def _attributes(name: str, old: Mapping[str, Attribute], new: Mapping[str, Attribute]) -> Iterator[str]:
    for each in _all(old, new):
        if each not in new:
            yield f"{name} has no attribute {each} any more"
        elif old.get(each) != new[each]:
            yield f"{name} has an attribute {each}: {new[each].type}, {new[each].source}"


def _roles(before: AuthorizationModel, after: AuthorizationModel) -> Iterator[str]:
    for name in _all(before.roles, after.roles):
        old, new = before.roles.get(name), after.roles.get(name)
        if new is None:
            yield f"the role {name} is gone"
            continue
        if old is None:
            yield f"there is a role {name}"
        elif old.description != new.description:
            yield f"role {name} is described otherwise"
        includes = old.includes if old else ()
        yield from _gained(f"role {name}", new.includes, includes, "includes {}", "does not include {} any more")
        held, lost = _held(after.roles, name), _held(before.roles, name)
        yield from _gained(f"role {name}", held, lost, "gets {}", "loses {}")


def _held(roles: Mapping[str, RoleDefinition], name: str) -> tuple[str, ...]:
    """Every pattern that the role holds, itself or through the roles that it includes."""
    reached = [name] if name in roles else []
    seen = set(reached)
    for each in reached:
        for included in roles[each].includes:
            if included in roles and included not in seen:
                seen.add(included)
                reached.append(included)
    return tuple(dict.fromkeys(pattern for each in reached for pattern in roles[each].permissions))


def _policies(before: AuthorizationModel, after: AuthorizationModel) -> Iterator[str]:
    old, new = ({each.name: each for each in model.policies} for model in (before, after))
    for name in _all(old, new):
        if name not in new:
            yield f"the policy {name} is gone: it was to {_policy(old[name])}"
        elif name not in old:
            yield f"there is a policy {name}: {_policy(new[name])}"
        elif _policy(old[name]) != _policy(new[name]):
            yield f"the policy {name} is to {_policy(new[name])}, and was to {_policy(old[name])}"
        elif old[name].description != new[name].description:
            yield f"the policy {name} is described otherwise"


def _policy(policy: PolicyDefinition) -> str:
    condition = f" when {policy.condition.text}" if policy.condition else ""
    return f"{policy.effect.value} {', '.join(policy.actions)} on {', '.join(policy.resources)}{condition}"


def _windows(before: AuthorizationModel, after: AuthorizationModel) -> Iterator[str]:
    for name in _all(before.windows, after.windows):
        if name not in after.windows:
            yield f"the window {name} is gone"
        elif name not in before.windows:
            yield f"there is a window {name}"
        elif before.windows[name] != after.windows[name]:
            yield f"the window {name} opens at other times"


def _gained(subject: str, new: Sequence[str], old: Sequence[str], gains: str, loses: str) -> Iterator[str]:
    yield from (f"{subject} {gains.format(each)}" for each in new if each not in old)
    yield from (f"{subject} {loses.format(each)}" for each in old if each not in new)


def _written(kinds: Collection[object]) -> tuple[str, ...]:
    return tuple(map(str, kinds))


def _all(before: Mapping[str, object], after: Mapping[str, object]) -> tuple[str, ...]:
    """Every name, in the order of what there is now; what is gone comes last."""
    return tuple(dict.fromkeys((*after, *before)))
