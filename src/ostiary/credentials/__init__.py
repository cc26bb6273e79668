"""What an account proves itself with: one file a credential.

Owns the secrets' stored forms (table ``passwords``) and the rules about them. Depends on ``crypto`` for the primitives.
Refuses to know about sign-in: which credentials are enough is the business of ``authentication``.
"""

from ostiary.credentials.password import Passwords, PasswordText

__all__ = ["PasswordText", "Passwords"]
