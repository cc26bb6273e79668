"""An installation on https and a browser that binds its sessions there."""

from tests.support.device_bound import browser, email, secure

__all__ = ["browser", "email", "secure"]
