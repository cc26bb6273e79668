"""Prints the reference page of all settings."""

from __future__ import annotations

import sys

from ostiary.settings.reference import reference

sys.stdout.write(reference())
