"""From the file's text to the model and its tests, whole or not at all."""

from __future__ import annotations

import re

from ostiary.authorization.model_file.assertions import read_tests
from ostiary.authorization.model_file.declarations import declare
from ostiary.authorization.model_file.faults import Faults, TooManyFaults
from ostiary.authorization.model_file.forms import Form, is_nothing
from ostiary.authorization.model_file.policy_definitions import define_policies, define_windows
from ostiary.authorization.model_file.qualifying import qualify
from ostiary.authorization.model_file.reading import Node, read
from ostiary.authorization.model_file.recursion import forbid_cycles
from ostiary.authorization.model_file.role_definitions import define_roles
from ostiary.authorization.model_file.sets import forbid_unclear_sets
from ostiary.authorization.model_file.testing import ModelTest
from ostiary.authorization.model_file.type_definitions import define
from ostiary.authorization.schema import BUILT_IN, AuthorizationModel

MODEL_BUILT_IN = BUILT_IN
"""What holds without any file: accounts, groups of them, groups in groups, roles."""

_SECTIONS = ("model", "types", "accounts", "roles", "windows", "policies", "tests")
_MODEL = (re.compile("[a-z][a-z0-9_-]{0,31}"), "is written in lower case, with at most 32 letters, digits, - and _.")


def read_model(text: str) -> AuthorizationModel:
    """The model that a file describes, its tests checked for names as well.

    Raises:
        InvalidModel: with every fault that was found.
    """
    return _compile(text)[0]


def model_tests(text: str) -> tuple[ModelTest, ...]:
    """The tests that a file carries.

    Raises:
        InvalidModel: the file has faults, in the tests or elsewhere.
    """
    return _compile(text)[1]


def _compile(text: str) -> tuple[AuthorizationModel, tuple[ModelTest, ...]]:
    faults = Faults()
    try:
        root = read(text, faults)
        model, tests = _sections(Form(faults), root)
    except TooManyFaults:
        faults.raise_any()
        raise
    faults.raise_any()
    return qualify(model), tests


def _sections(form: Form, root: Node | None) -> tuple[AuthorizationModel, tuple[ModelTest, ...]]:
    fields = form.fields(root, "A model file", _SECTIONS)
    name = _name(form, fields.get("model"))
    declared = declare(form, fields.get("types"), fields.get("accounts"), name)
    defined = define(form, declared)
    forbid_cycles(form.faults, defined)
    forbid_unclear_sets(form.faults, declared, defined)
    types = {each: found.definition for each, found in defined.items()}
    windows = define_windows(form, fields.get("windows"))
    model = AuthorizationModel(
        name=name,
        types=types,
        roles=define_roles(form, fields.get("roles"), types),
        policies=define_policies(form, fields.get("policies"), types, windows),
        windows=windows,
    )
    return model, read_tests(form, fields.get("tests"), model)


def _name(form: Form, node: Node | None) -> str:
    if is_nothing(node) or (word := form.word(node, "model")) is None:
        return ""
    return form.name(word, "The name of a model", _MODEL) or ""
