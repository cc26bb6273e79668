"""The authorization model as a file, ``ostiary.model.yaml``: read whole, with every fault at its place, or refused.

Owns the form of the file, the expressions of permissions, the tests that a file carries, and the words for what a
change of it changes. Depends on the room's structures (``schema``), relation tuples and conditions. Nothing here
decides, and nothing is stored. The YAML is PyYAML's to scan and ours to read; loaded only where there is a file.

Refuses aliases, anchors, tags and keys that are there twice, names that nothing has, and permissions that are defined
by themselves.
"""

from ostiary.authorization.model_file.compiling import MODEL_BUILT_IN, model_tests, read_model
from ostiary.authorization.model_file.faults import Fault, InvalidModel
from ostiary.authorization.model_file.testing import (
    Check,
    Circumstances,
    FactsGiven,
    GrantGiven,
    ModelTest,
    RoleGiven,
    WhatCan,
    WhoCan,
)
from ostiary.authorization.model_file.words import differences

__all__ = [
    "MODEL_BUILT_IN",
    "Check",
    "Circumstances",
    "FactsGiven",
    "Fault",
    "GrantGiven",
    "InvalidModel",
    "ModelTest",
    "RoleGiven",
    "WhatCan",
    "WhoCan",
    "differences",
    "model_tests",
    "read_model",
]
