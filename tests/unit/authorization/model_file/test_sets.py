"""A set of subjects follows from tuples about the subject alone; what a decision could not read is refused."""

from __future__ import annotations

import pytest

from ostiary.authorization.model_file import InvalidModel, read_model

_MODEL = """\
types:
  folder:
    relations: {{parent: [folder], viewer: {viewers}}}
    parents: [parent]
    acl: {acl}
  document:
    relations: {{reader: [user, {reader}]}}
"""


@pytest.mark.parametrize(
    ("viewers", "acl", "fault"),
    [
        ('[user, "anyone:*"]', "[]", "Line 3, column 35: anyone:* cannot be viewer of folder"),
        ("[user, role#holder]", "[]", "Line 3, column 35: role#holder cannot be viewer of folder"),
        ("[user]", "[viewer]", "Line 3, column 35: folder#viewer cannot stand for a set of subjects"),
    ],
)
def test_what_cannot_be_read_of_the_subject_alone_is_no_set(viewers: str, acl: str, fault: str) -> None:
    with pytest.raises(InvalidModel) as caught:
        read_model(_MODEL.format(viewers=viewers, acl=acl, reader="folder#viewer"))
    assert fault in str(caught.value)
    read_model(_MODEL.format(viewers=viewers, acl=acl, reader="role#holder"))


def test_a_role_of_a_named_model_is_the_same_role_in_its_relations() -> None:
    model = read_model("model: hr\n" + _MODEL.format(viewers="[user]", acl="[]", reader="role#holder"))
    assert [str(kind) for kind in model.types["hr/document"].relations["reader"]] == ["user", "role#holder"]
