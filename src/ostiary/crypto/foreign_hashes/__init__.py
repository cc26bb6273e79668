"""Password hashes that other systems made: read strictly when accounts are imported, verified, and never made.

``formats`` has the table of what is read, ``kinds`` what it becomes and how that is kept and verified. A password that
turns out right is hashed with Argon2id at once, and the imported hash is gone.
"""

from ostiary.crypto.foreign_hashes.faults import HashFault, UnusableHash
from ostiary.crypto.foreign_hashes.formats import FORMATS, Beside, FirebaseParameters, parse_foreign
from ostiary.crypto.foreign_hashes.kinds import ForeignHash, is_kept, kept, parse_kept

__all__ = [
    "FORMATS",
    "Beside",
    "FirebaseParameters",
    "ForeignHash",
    "HashFault",
    "UnusableHash",
    "is_kept",
    "kept",
    "parse_foreign",
    "parse_kept",
]
