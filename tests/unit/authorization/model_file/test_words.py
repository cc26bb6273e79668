"""What a change of the model changes, told in words."""

from __future__ import annotations

import pytest

from ostiary.authorization.model_file import MODEL_BUILT_IN, differences, read_model
from tests.unit.authorization.model_file.shop import SHOP

_MODEL = SHOP.partition("tests:")[0]
_READERS = "(viewer or editor or owner or folder.read)"
_BIG = "deny approve on expense when resource.amount > {} && subject.level < 3"
_CHANGES: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "held by one more": (
        "read: viewer or owner or parent.read",
        "read: viewer or owner or parent.read or parent.owner",
        ("folder.read is also held by parent.owner",),
    ),
    "held by one less": ("write: editor or owner", "write: editor", ("document.write is not held by owner any more",)),
    "held otherwise": (
        "but not banned",
        "but not owner",
        (
            f"document.read is held by {_READERS} but not owner, and was by {_READERS} but not banned",
        ),
    ),
    "written otherwise": ("write: editor or owner", "write: (owner or editor)", ()),
    "who may be": (
        "editor: [user, group#member]",
        'editor: [user, "user:*"]',
        ("editor of document may also be user:*", "editor of document may not be group#member any more"),
    ),
    "a relation": ("banned: [user]", "banned: [user]\n      guest: [user]", ("document has a relation guest: user",)),
    "a permission": (
        "permissions: [approve, read]",
        "permissions: [approve]",
        ("there is no permission expense.read any more",),
    ),
    "a type": ("  identity: {accounts_by: email}\n", "", ("the type identity is gone",)),
    "a parent": ("parents: [folder]", "parents: []", ("document is not in its folder any more",)),
    "an owner": ("owner: owner", "owner:", ("document may be without owner",)),
    "a list": (
        "acl: [owner, editor, viewer, comment]",
        "acl: [owner, editor, viewer]",
        ("an access control list of document may not give comment any more",),
    ),
    "the order of a list": (
        "acl: [owner, editor, viewer, comment]",
        "acl: [editor, owner, viewer, comment]",
        ("an access control list of document gives, from the widest on, editor, owner, viewer, comment",),
    ),
    "an attribute": (
        "classification: string",
        "classification: {type: string, source: sent}",
        ("document has an attribute classification: string, sent",),
    ),
    "a permission of a role": (
        "reader: {permissions: [document.read]}",
        "reader: {permissions: [document.read, document.comment]}",
        ("role reader gets document.comment", "role writer gets document.comment"),
    ),
    "an included role": (
        ", includes: [reader]",
        "",
        ("role writer does not include reader any more", "role writer loses document.read"),
    ),
    "a description": ("Writes", "Writes it all", ("role writer is described otherwise",)),
    "a role": ("  boss: {permissions: [", "  chief: {permissions: [", (
        "there is a role chief", "role chief gets folder.*", "role chief gets document.*", "role chief gets expense.*",
        "the role boss is gone",
    )),
    "a condition": (
        "> 1000",
        "> 2000",
        (f"the policy big is to {_BIG.format(2000)}, and was to {_BIG.format(1000)}",),
    ),
    "a window": ('to: "17:00"', 'to: "18:00"', ("the window business_hours opens at other times",)),
}  # fmt: skip


@pytest.mark.parametrize("name", _CHANGES)
def test_a_change_is_told(name: str) -> None:
    old, new, words = _CHANGES[name]
    assert _MODEL.count(old) == 1
    before, after = read_model(_MODEL), read_model(_MODEL.replace(old, new))
    assert differences(before, after) == words


def test_a_first_model_is_told_against_what_is_built_in() -> None:
    after = read_model("types: {document: {relations: {owner: [user]}, permissions: {read: owner}}}")
    assert differences(MODEL_BUILT_IN, after) == (
        "there is a type document",
        "document has a relation owner: user",
        "there is a permission document.read, held by owner",
    )


def test_tests_and_comments_change_nothing() -> None:
    assert differences(read_model(SHOP), read_model(f"# The shop's.\n{_MODEL}")) == ()
