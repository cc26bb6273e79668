"""Who exists: accounts, their names and addresses, and their life from pending to deleted.

Owns the table ``accounts``. Depends on ``authorization`` for who may administer them, and on ``credentials``,
``sessions`` and ``tokens`` for what ends with an account. Refuses to know how anybody signs in (``authentication``).

A change of an account's status must be followed by ``tx.bump("authorization")``: a decision knows who is active.
"""

from ostiary.accounts.administration import AccountAdministration, AccountChange, AccountCreate
from ostiary.accounts.importing import AccountImport
from ostiary.accounts.model import Account, AccountView, account_view
from ostiary.accounts.profile import ProfileChange, Profiles
from ostiary.accounts.store import AccountStore, AccountUpdate

__all__ = [
    "Account",
    "AccountAdministration",
    "AccountChange",
    "AccountCreate",
    "AccountImport",
    "AccountStore",
    "AccountUpdate",
    "AccountView",
    "ProfileChange",
    "Profiles",
    "account_view",
]
