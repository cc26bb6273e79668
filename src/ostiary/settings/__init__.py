"""Every setting, typed and frozen, one section a room.

Owns what can be set, how it is written, and which settings are a fault. The environment (``OSTIARY_ISSUER``,
``OSTIARY_MAIL_HOST``) goes over ``ostiary.toml`` (top-level keys, one table a section), which goes over the defaults.
Depends on nothing but the errors. Refuses to start anything half-right: every fault is reported, at once, and a name
that no setting has is one, so that a typing error never leaves a default in force.
"""

from ostiary.settings.development import dev_settings
from ostiary.settings.forms import Network, Rate, Secret
from ostiary.settings.load import load, production_faults
from ostiary.settings.messages import MailSettings, SmsSettings
from ostiary.settings.model import (
    LONGEST_SESSION,
    CookieSettings,
    DatabaseSettings,
    GeoSettings,
    LimitSettings,
    PasswordSettings,
    RecoverySettings,
    RedisSettings,
    RegistrationSettings,
    ServerSettings,
    SessionSettings,
    Settings,
    SignInSettings,
    TokenSettings,
)
from ostiary.settings.oauth import OAuthSettings
from ostiary.settings.passkeys import PasskeySettings
from ostiary.settings.reference import reference, shown

__all__ = [
    "LONGEST_SESSION",
    "CookieSettings",
    "DatabaseSettings",
    "GeoSettings",
    "LimitSettings",
    "MailSettings",
    "Network",
    "OAuthSettings",
    "PasskeySettings",
    "PasswordSettings",
    "Rate",
    "RecoverySettings",
    "RedisSettings",
    "RegistrationSettings",
    "Secret",
    "ServerSettings",
    "SessionSettings",
    "Settings",
    "SignInSettings",
    "SmsSettings",
    "TokenSettings",
    "dev_settings",
    "load",
    "production_faults",
    "reference",
    "shown",
]
