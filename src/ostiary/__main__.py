"""``python -m ostiary`` is ``ostiary``."""

from ostiary.cli import main

main()
