"""What an account proves itself with: one file a credential.

Owns the secrets' stored forms (tables ``passwords``, ``credentials``, ``recovery_codes``, ``api_keys``) and the rules
about them. Depends on ``crypto`` for the primitives. Refuses to know about sign-in: which credentials are enough is the
business of ``authentication``.
"""

from ostiary.credentials.face import Credential, CredentialType, Enrolled, Factor, Holder, Proof
from ostiary.credentials.one_time_code import EmailCodeAnswer, EmailCodes, SmsCodeAnswer, SmsCodes
from ostiary.credentials.passkey import PasskeyAnswer, Passkeys
from ostiary.credentials.password import PasswordAnswer, Passwords, PasswordText
from ostiary.credentials.recovery_code import RecoveryCodeAnswer, RecoveryCodes
from ostiary.credentials.store import CredentialStore
from ostiary.credentials.totp import Totp, TotpAnswer

__all__ = [
    "Credential",
    "CredentialStore",
    "CredentialType",
    "EmailCodeAnswer",
    "EmailCodes",
    "Enrolled",
    "Factor",
    "Holder",
    "PasskeyAnswer",
    "Passkeys",
    "PasswordAnswer",
    "PasswordText",
    "Passwords",
    "Proof",
    "RecoveryCodeAnswer",
    "RecoveryCodes",
    "SmsCodeAnswer",
    "SmsCodes",
    "Totp",
    "TotpAnswer",
]
