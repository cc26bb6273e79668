"""The command line: `ostiary`, one file a group of commands.

Owns how commands are written, what they print and their exit codes, and how the two servers start and stop. Depends on
``app``: every command opens the installation and calls the same use cases as the pages and the API do, as the operator
of this machine. Refuses to hold rules or SQL of its own, to read a secret from the arguments, and to show a stack
trace for what the person at the keyboard can put right.
"""

from ostiary.cli.root import main, ostiary

__all__ = ["main", "ostiary"]
