"""Ostiary's own administration permissions.

They live under ``ostiary.``, so that an application may have permissions of the same names (``accounts.read``)
without its administrators becoming administrators of Ostiary.
"""

from __future__ import annotations

from enum import StrEnum

NAMESPACE = "ostiary."
ADMINISTRATOR = "administrator"
"""The built-in role that the first administrator gets; it holds ``ostiary.*``."""


class Permission(StrEnum):
    ACCOUNTS_READ = "ostiary.accounts.read"
    ACCOUNTS_CREATE = "ostiary.accounts.create"
    ACCOUNTS_UPDATE = "ostiary.accounts.update"
    ACCOUNTS_DELETE = "ostiary.accounts.delete"
    ROLES_READ = "ostiary.roles.read"
    ROLES_CREATE = "ostiary.roles.create"
    ROLES_UPDATE = "ostiary.roles.update"
    ROLES_DELETE = "ostiary.roles.delete"
    ASSIGNMENTS_READ = "ostiary.assignments.read"
    ASSIGNMENTS_CREATE = "ostiary.assignments.create"
    ASSIGNMENTS_DELETE = "ostiary.assignments.delete"
    GRANTS_READ = "ostiary.grants.read"
    GRANTS_CREATE = "ostiary.grants.create"
    GRANTS_UPDATE = "ostiary.grants.update"
    GRANTS_DELETE = "ostiary.grants.delete"
    POLICIES_READ = "ostiary.policies.read"
    POLICIES_UPDATE = "ostiary.policies.update"
    MODEL_READ = "ostiary.model.read"
    MODEL_UPDATE = "ostiary.model.update"
    SESSIONS_READ = "ostiary.sessions.read"
    SESSIONS_DELETE = "ostiary.sessions.delete"
    API_KEYS_READ = "ostiary.api_keys.read"
    API_KEYS_CREATE = "ostiary.api_keys.create"
    API_KEYS_UPDATE = "ostiary.api_keys.update"
    API_KEYS_DELETE = "ostiary.api_keys.delete"
    CREDENTIALS_READ = "ostiary.credentials.read"
    CREDENTIALS_RESET = "ostiary.credentials.reset"
    CLIENTS_READ = "ostiary.clients.read"
    CLIENTS_CREATE = "ostiary.clients.create"
    CLIENTS_UPDATE = "ostiary.clients.update"
    CLIENTS_DELETE = "ostiary.clients.delete"
    APIS_READ = "ostiary.apis.read"
    APIS_CREATE = "ostiary.apis.create"
    APIS_UPDATE = "ostiary.apis.update"
    APIS_DELETE = "ostiary.apis.delete"
    CONSENTS_READ = "ostiary.consents.read"
    CONSENTS_DELETE = "ostiary.consents.delete"
    TOKENS_IMPERSONATE = "ostiary.tokens.impersonate"
    KEYS_READ = "ostiary.keys.read"
    KEYS_ROTATE = "ostiary.keys.rotate"
    AUDIT_READ = "ostiary.audit.read"
    RELATIONS_READ = "ostiary.relations.read"
    RELATIONS_UPDATE = "ostiary.relations.update"
    ENTITIES_READ = "ostiary.entities.read"
    ENTITIES_UPDATE = "ostiary.entities.update"
    DECISIONS_EVALUATE = "ostiary.decisions.evaluate"
