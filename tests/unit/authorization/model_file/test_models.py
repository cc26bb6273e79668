"""What a file that is right means, and what a named model's names are."""

from __future__ import annotations

import pytest

from ostiary.authorization.compiled import Model
from ostiary.authorization.conditions import Window
from ostiary.authorization.model import Effect, Resource, parse_permission, parse_resource, parse_role_name
from ostiary.authorization.model_file import (
    MODEL_BUILT_IN,
    Check,
    Circumstances,
    FactsGiven,
    GrantGiven,
    RoleGiven,
    WhatCan,
    WhoCan,
    model_tests,
    read_model,
)
from ostiary.authorization.relations import parse_relation, parse_subject
from ostiary.authorization.schema import (
    Attribute,
    Exclusion,
    Intersection,
    Named,
    RoleDefinition,
    SubjectKind,
    Through,
    Union,
)
from tests.unit.authorization.model_file.shop import SHOP

_NAMED = f"model: hr\n{SHOP}"
_TEN = 1_767_607_200_000  # 2026-01-05T10:00:00Z


@pytest.mark.parametrize("text", ["", "# nothing\n", "model:\ntypes:\nroles: {}\n", "types: {group: {}}", "{}"])
def test_a_file_that_says_nothing_leaves_what_is_built_in(text: str) -> None:
    model = read_model(text)
    assert model.types == MODEL_BUILT_IN.types
    assert (model.roles, model.policies, model.windows, model.name) == ({}, (), {}, "")


def test_types_are_as_they_are_written() -> None:
    document = read_model(SHOP).types["document"]
    assert document.relations["viewer"] == (
        SubjectKind("user"),
        SubjectKind("user", everyone=True),
        SubjectKind("group", "member"),
    )
    assert document.permissions == {
        "read": Exclusion(
            Union((Named("viewer"), Named("editor"), Named("owner"), Through("folder", "read"))), Named("banned")
        ),
        "write": Union((Named("editor"), Named("owner"))),
        "comment": Union((Named("write"), Intersection((Named("read"), Named("editor"))))),
    }
    assert (document.parents, document.owner) == (("folder",), "owner")
    assert document.acl == ("owner", "editor", "viewer", "comment")
    assert document.attributes == {"classification": Attribute("string"), "region": Attribute("string", "stored")}


def test_built_in_types_are_extended() -> None:
    types = read_model(
        "types: {group: {relations: {manager: [user], member: [user, team#lead]}}, team: {relations: {lead: [user]}}}\n"
        "accounts: {relations: {manager: user}, permissions: {rename: manager}, attributes: {level: int}}"
    ).types
    members = (*MODEL_BUILT_IN.types["group"].relations["member"], SubjectKind("team", "lead"))
    assert types["group"].relations == {"member": members, "manager": (SubjectKind("user"),)}
    assert types["user"].permissions == {"rename": Named("manager")}
    assert types["user"].attributes == {"level": Attribute("int")}


def test_a_list_of_permissions_is_nobodys_by_relations() -> None:
    assert read_model(SHOP).types["expense"].permissions == {"approve": Union(()), "read": Union(())}


def test_a_type_may_stand_for_accounts_by_their_address() -> None:
    assert read_model(SHOP).types["identity"].by_attribute == "email"


def test_a_folder_may_be_read_by_who_reads_its_parent() -> None:
    read = read_model(SHOP).types["folder"].permissions["read"]
    assert read == Union((Named("viewer"), Named("owner"), Through("parent", "read")))


def test_one_of_the_types_behind_a_relation_having_the_name_is_enough() -> None:
    text = "types: {b: {permissions: [x]}, a: {relations: {r: [user, b]}, permissions: {y: r.x}}}"
    assert read_model(text).types["a"].permissions == {"y": Through("r", "x")}


def test_a_name_may_be_taken_away_twice_on_the_way() -> None:
    """Stratified: what is taken away does not lead back."""
    text = (
        "types: {a: {relations: {r: [user], s: [user], up: [a]}, "
        "permissions: {x: r but not y, y: s but not r, z: up.z but not x}}}"
    )
    assert set(read_model(text).types["a"].permissions) == {"x", "y", "z"}


def test_roles_hold_what_is_written_and_a_star_is_the_files_own_types() -> None:
    roles = read_model(SHOP).roles
    assert roles["writer"] == RoleDefinition("writer", "Writes", ("document.write", "expense.*"), ("reader",))
    assert roles["boss"].permissions == ("folder.*", "document.*", "expense.*")


def test_policies_have_their_conditions_and_windows() -> None:
    model = read_model(SHOP)
    office, big = model.policies
    assert (office.name, office.effect, office.actions, office.resources) == (
        "office",
        Effect.ALLOW,
        ("read",),
        ("document",),
    )
    assert office.condition is not None
    assert office.condition.holds({"department": "engineering"}, {}, {}, {}, _TEN)
    assert not office.condition.holds({"department": "engineering"}, {}, {}, {}, _TEN + 12 * 3_600_000)
    assert big.condition is not None
    assert big.condition.holds({"level": 2}, {"amount": 1001}, {}, {}, _TEN)
    assert model.windows == {
        "business_hours": Window("business_hours", "Europe/Berlin", frozenset(range(5)), 540, 1020)
    }


def test_a_policy_may_be_about_everything_of_its_model() -> None:
    rest = "types: {a: {permissions: [b]}}\npolicies: [{name: n, effect: deny, action: '*', resource: '*'}]"
    assert read_model(rest).policies[0].resources == ("*",)
    assert read_model(f"model: hr\n{rest}").policies[0].resources == ("hr/*",)


def test_tests_are_read_with_their_places() -> None:
    (found,) = model_tests(SHOP)
    lines = SHOP.splitlines()
    ada, ben, one, two = (
        Resource(*each) for each in (("user", "ada"), ("user", "ben"), ("document", "1"), ("document", "2"))
    )
    assert found.name == "editors write"
    assert lines[found.line - 1].strip() == "- name: editors write"
    assert found.facts == FactsGiven(
        tuple(
            map(
                parse_relation,
                ("document:1#editor@group:eng#member", "group:eng#member@user:ada", "document:1#comment@user:*"),
            )
        ),
        (RoleGiven(ben, "writer"), RoleGiven(ben, "reader", two)),
        (GrantGiven(ada, "document.read", Effect.ALLOW, one, _TEN),),
        {ada: {"department": "engineering", "n": 3}, one: {"a": [1, 2.5, "no"]}},
    )
    line = next(number for number, text in enumerate(lines, 1) if "check:" in text)
    assert found.check == (Check(ada, "document.write", one, True, Circumstances({"ip": "192.0.2.1"}, _TEN), line),)
    assert found.who_can == (WhoCan("document.write", one, (parse_subject("user:ada"),), Circumstances(), line + 2),)
    assert found.what_can == (WhatCan(ada, "document.write", "document", (one,), Circumstances(), line + 3),)


def test_a_check_may_be_of_somebody_unknown_and_of_a_whole_type() -> None:
    (found,) = model_tests(
        "types: {a: {permissions: [b]}}\n"
        "tests: [{name: n, check: [{subject: anyone, action: b, type: a, allowed: false}]}]"
    )
    assert found.check == (Check(None, "a.b", None, False, Circumstances(), 2),)


def test_the_names_of_a_named_model_are_its_own() -> None:
    model = read_model(_NAMED)
    assert model.name == "hr"
    assert set(model.types) == {
        "user", "hr/group", "role", "hr/folder", "hr/document", "hr/expense", "hr/identity"
    }  # fmt: skip
    assert all(name == each.name for name, each in model.types.items())
    assert model.types["hr/folder"].relations["viewer"] == (
        SubjectKind("user"),
        SubjectKind("user", everyone=True),
        SubjectKind("anyone", everyone=True),
        SubjectKind("hr/group", "member"),
        SubjectKind("role", "holder"),
    )
    assert model.roles["hr/writer"] == RoleDefinition(
        "hr/writer", "Writes", ("hr/document.write", "hr/expense.*"), ("hr/reader",)
    )
    assert [(each.name, each.resources) for each in model.policies] == [
        ("hr/office", ("hr/document",)),
        ("hr/big", ("hr/expense",)),
    ]
    (test,) = model_tests(_NAMED)
    assert str(test.facts.relations[0]) == "hr/document:1#editor@hr/group:eng#member"
    assert test.facts.roles[0] == RoleGiven(Resource("user", "ben"), "hr/writer")
    assert test.facts.grants[0].permission == "hr/document.read"
    assert test.check[0].permission == "hr/document.write"
    assert (test.what_can[0].type, str(test.what_can[0].resources[0])) == ("hr/document", "hr/document:1")


def test_the_names_of_a_named_model_are_names_everywhere() -> None:
    model = read_model(_NAMED)
    for type_, definition in model.types.items():
        assert parse_resource(Resource(type_, "1")).type == type_
        assert all(parse_permission(f"{type_}.{action}") for action in definition.permissions)
    for name, role in model.roles.items():
        assert parse_role_name(name) == name
        assert all(map(parse_permission, role.permissions))


def test_a_named_model_says_nothing_of_accounts_that_it_does_not_describe() -> None:
    assert "user" not in read_model("model: hr\ntypes: {a: {}}").types


def test_the_engine_takes_models_side_by_side() -> None:
    compiled = Model([read_model(SHOP), read_model(_NAMED)])
    assert compiled.actions("document") == compiled.actions("hr/document") == ("read", "write", "comment")
    assert [each.name for each in compiled.ruling("hr/expense.approve")] == ["hr/big"]
