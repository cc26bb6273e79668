"""The page on which administrators ask who may do what, and why, in a real browser."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from ostiary.authorization import AssignmentCreate, ModelChange
from tests.support.browser import Visitor
from tests.support.installation import LiveServer, new_person

MODEL = """
types:
  folder: {relations: {viewer: [user, group#member]}, permissions: {read: viewer}}
  document:
    relations: {folder: [folder], owner: [user]}
    parents: [folder]
    permissions: {read: owner or folder.read}
policies:
  - {name: strong, effect: allow, action: read, resource: document, when: "context.acr == 'aal2'"}
"""
RELATIONS = [
    ("folder:plans", "viewer", "group#member:eng"),
    ("document:7", "folder", "folder:plans"),
]


async def _fill(server: LiveServer, account_id: str) -> None:
    use, operator = server.ostiary.use, server.ostiary.operator()
    await use.assignments.assign(operator, account_id, AssignmentCreate("administrator"))
    await use.models.apply(operator, ModelChange(MODEL))
    async with use.db.transaction() as tx:
        await tx.bump("authorization")
        await tx.bump("relations")
        for object_, relation, subject in RELATIONS:
            await tx.execute(
                "INSERT INTO relations (object, relation, subject, created_at)"
                " VALUES (:object, :relation, :subject, 0)",
                object=object_,
                relation=relation,
                subject=subject,
            )


@pytest.fixture
def root(live_server: LiveServer, visitor: Visitor) -> Visitor:
    """An administrator at the page, with a model and some relations."""
    person: Any = live_server.call(new_person(live_server.ostiary, "root@example.com"))
    live_server.call(_fill(live_server, person.id))
    visitor.open("/login?next=/admin/decisions")
    visitor.page.get_by_label("E-mail address or username").fill("root@example.com")
    visitor.page.get_by_role("button", name="Continue").click()
    visitor.page.get_by_label("Password", exact=True).fill("seven quiet lanterns")
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(visitor.page).to_have_url(re.compile("//[^/]+/admin/decisions$"))
    return visitor


def ask(root: Visitor, **fields: str) -> None:
    for label, text in fields.items():
        root.page.locator(f"[name={label}]").fill(text)
    root.page.get_by_role("button", name="Decide").click()


def test_a_denial_names_what_failed_and_what_is_supposed_turns_it_round(root: Visitor) -> None:
    ask(root, subject="root@example.com", permission="document.read", resource="document:7", context='{"acr": "aal1"}')
    now = root.page.get_by_role("region", name="As it is")
    expect(now).to_contain_text("denied")
    expect(now).to_contain_text("The policy strong does not apply: context.acr is 'aal1'.")
    ways = now.get_by_role("list").last.get_by_role("listitem")
    expect(ways).to_have_text(["as owner of document:7", "as viewer of folder:plans", "after a proof of aal2"])
    subject = root.page.locator("[name=subject]").input_value()
    account = root.page.evaluate("async () => (await (await fetch('/api/auth/me')).json()).account.id")
    assert subject == "root@example.com"
    ask(root, more=f"group:eng#member@user:{account}")
    then = root.page.get_by_role("region", name="As it would be")
    expect(then).to_contain_text("allowed")
    expect(then.get_by_role("img")).to_have_accessible_name(
        f"user:{account} → group:eng → folder:plans#viewer → document:7#folder → document.read"
    )
    expect(root.page.get_by_text("What you suppose turns the answer round.")).to_be_visible()
    expect(root.page.get_by_role("region", name="As it is")).to_contain_text("denied")


def test_what_cannot_be_asked_is_said_at_its_field(root: Visitor) -> None:
    ask(root, subject="nobody@example.com", permission="document.read")
    expect(root.page.get_by_text("There is no such account.").first).to_be_visible()
    ask(root, subject="", permission="document")
    expect(root.page.locator("#permission-problem")).to_contain_text("A permission is")
    ask(root, permission="document.read", context="[1]")
    expect(root.page.locator("#context-problem")).to_contain_text("JSON object")


def test_nobody_else_sees_the_page(live_server: LiveServer, visitor: Visitor) -> None:
    live_server.call(new_person(live_server.ostiary, "ada@example.com"))
    visitor.open("/login?next=/admin/decisions")
    visitor.page.get_by_label("E-mail address or username").fill("ada@example.com")
    visitor.page.get_by_role("button", name="Continue").click()
    visitor.page.get_by_label("Password", exact=True).fill("seven quiet lanterns")
    visitor.page.get_by_role("button", name="Sign in", exact=True).click()
    expect(visitor.page.get_by_text("ostiary.decisions.evaluate").first).to_be_visible()


def test_who_may_not_ask_is_told_that_whatever_they_typed(live_server: LiveServer) -> None:
    person: Any = live_server.call(new_person(live_server.ostiary, "ada@example.com", delivery="cookie"))
    for context in ("{}", "no JSON"):
        form = {"permission": "document.read", "context": context, "csrf_token": person.csrf}
        answer = live_server.call(person.client.post("/admin/decisions", data=form))
        assert (answer.status_code, "ostiary.decisions.evaluate" in answer.text) == (403, True)
