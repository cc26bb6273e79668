"""The settings, one section a room. Description and limits stand beside each field; the reference is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec

from ostiary.settings.forms import (
    COOKIE_DOMAIN,
    COOKIE_NAME,
    COOKIE_PATH,
    DATABASE_URL,
    DURATION,
    ISSUER,
    KEY,
    NETWORKS,
    PATH,
    RATE,
    REDIS_URL,
    WEB_URL,
    Network,
    Rate,
    Secret,
    masked_url,
    setting,
)
from ostiary.settings.messages import MailSettings, SmsSettings
from ostiary.settings.oauth import OAuthSettings
from ostiary.settings.passkeys import PasskeySettings

LONGEST_SESSION = 400 * 86_400
"""No session can be set to live longer (seconds): browsers keep no cookie for longer (RFC 6265bis section 5.5)."""


class ServerSettings(msgspec.Struct, frozen=True):
    """The HTTP server of `ostiary serve` and `ostiary dev`, and the limits of a request."""

    host: Annotated[str, setting("Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, setting("Port to listen on.", ge=1, le=65535)] = 8000
    trusted_proxies: Annotated[
        tuple[Network, ...],
        setting("Proxies whose `X-Forwarded-For` tells the caller's address. Nobody else's is read.", NETWORKS),
    ] = ()
    max_body: Annotated[int, setting("Longest request body, in bytes.", ge=1024, le=1_048_576)] = 65_536
    max_header: Annotated[int, setting("All request headers together, in bytes.", ge=4096, le=65_536)] = 16_384


class DatabaseSettings(msgspec.Struct, frozen=True):
    """Where everything is kept."""

    url: Annotated[str, setting("The database.", DATABASE_URL)] = "sqlite:///.ostiary/ostiary.db"
    pool: Annotated[int, setting("Connections that one process opens to PostgreSQL.", ge=2, le=100)] = 10

    def __repr__(self) -> str:
        return f"DatabaseSettings(url={masked_url(self.url)!r}, pool={self.pool})"


class PasswordSettings(msgspec.Struct, frozen=True):
    """Rules for passwords (NIST SP 800-63B-4 section 3.1.1.2) and the cost of hashing them with Argon2id."""

    min_length: Annotated[
        int,
        setting(
            "Shortest password, in characters. NIST asks for 15 where the password is the only factor and allows 8 "
            "beside a second one.",
            ge=8,
            le=64,
        ),
    ] = 12
    max_length: Annotated[int, setting("Longest password, in characters.", ge=64, le=1024)] = 256
    memory_kib: Annotated[
        int, setting("Memory of one hash, in KiB. Less than OWASP's minimum is refused.", ge=7168, le=4_194_304)
    ] = 19_456
    passes: Annotated[int, setting("Passes over that memory.", ge=1, le=64)] = 2
    queue: Annotated[
        int, setting("Hashes that may wait for a free core before sign-in answers 503.", ge=1, le=1000)
    ] = 32
    breach_url: Annotated[
        str | None,
        setting(
            "A list of breached passwords to ask about new ones, by the range protocol of Pwned Passwords, like "
            "`https://api.pwnedpasswords.com/range/`. It learns 5 digits of a hash.",
            WEB_URL,
        ),
    ] = None
    breach_min: Annotated[
        int, setting("How often a password has to be in that list to be refused.", ge=1, le=1_000_000)
    ] = 1
    breach_required: Annotated[
        bool, setting("Refuses every new password (503) while the list does not answer; else it is taken, and logged.")
    ] = False


class RedisSettings(msgspec.Struct, frozen=True):
    """Redis, for what many processes share and nobody needs to keep for good."""

    url: Annotated[str | None, setting("The Redis.", REDIS_URL)] = None
    prefix: Annotated[str, setting("Begins every key of this Ostiary there.", min_length=1, max_length=64)] = "ost:"

    def __repr__(self) -> str:
        return f"RedisSettings(url={self.url and masked_url(self.url)!r}, prefix={self.prefix!r})"


class SessionSettings(msgspec.Struct, frozen=True):
    """Browser sessions."""

    store: Annotated[
        Literal["database", "redis"],
        setting(
            "Where new sessions are kept. Those of the other store stay good; `ostiary sessions migrate` moves them."
        ),
    ] = "database"
    idle: Annotated[int, setting("Ends a session that was not used for so long.", DURATION, ge=300)] = 7 * 86_400
    absolute: Annotated[int, setting("Ends a session so long after sign-in.", DURATION, ge=300, le=LONGEST_SESSION)] = (
        30 * 86_400
    )
    remember_idle: Annotated[int, setting('The same as `idle`, for who chose "remember me".', DURATION, ge=300)] = (
        30 * 86_400
    )
    remember_absolute: Annotated[
        int, setting('The same as `absolute`, for who chose "remember me".', DURATION, ge=300, le=LONGEST_SESSION)
    ] = 180 * 86_400
    anonymous_idle: Annotated[
        int,
        setting("Ends a session that nobody has signed in to, and that was not used for so long.", DURATION, ge=300),
    ] = 86_400
    binding: Annotated[
        Literal["off", "step_up", "end"],
        setting(
            "What happens to a session that comes from another device: `step_up` asks for the password again, "
            "`end` ends it, and does so for another network too."
        ),
    ] = "step_up"
    device_bound: Annotated[
        bool, setting("Offers browsers to bind sessions to a key that cannot be copied (DBSC); needs https.")
    ] = True
    max_per_account: Annotated[
        int, setting("Sessions that one account may have at once; 0 is no limit.", ge=0, le=1000)
    ] = 0
    on_limit: Annotated[Literal["end_oldest", "refuse"], setting("What a sign-in beyond `max_per_account` does.")] = (
        "end_oldest"
    )


class CookieSettings(msgspec.Struct, frozen=True):
    """The cookies that browsers are given. What a browser would not take is refused at start."""

    name: Annotated[str, setting("Begins the name of every cookie, after the prefix.", COOKIE_NAME)] = "ostiary"
    prefix: Annotated[
        Literal["auto", "__Host-", "__Secure-", "none"],
        setting(
            "What browsers promise about the name: `auto` is `__Host-` where Secure, path and domain allow it, else "
            "`__Secure-` where Secure does, else none. The refresh cookie, which has a path of its own, never has "
            "`__Host-`."
        ),
    ] = "auto"
    domain: Annotated[
        str | None,
        setting(
            "Sends the cookies to this domain and every host below it, all of which can read and replace them. It is "
            "the issuer's host or a domain above it.",
            COOKIE_DOMAIN,
        ),
    ] = None
    path: Annotated[
        str, setting("Sends the cookies below this path only, which the issuer's own path lies in.", COOKIE_PATH)
    ] = "/"
    secure: Annotated[
        Literal["auto", "always", "never"],
        setting(
            "Sends them over https only; `auto` is so where the issuer is https. `always` with an http issuer is for "
            "loopback addresses: Chromium and Firefox trust those without https, Safari does not, and would drop the "
            "cookies."
        ),
    ] = "auto"
    same_site: Annotated[
        Literal["lax", "strict", "none"],
        setting(
            "Whether they go along with requests that other sites cause: `lax` with links only, `strict` never, `none` "
            "always, which leaves CSRF to the origin check and the form token. The refresh cookie is `strict` in any "
            "case."
        ),
    ] = "lax"
    partitioned: Annotated[
        bool, setting("Has browsers keep other cookies for each site that embeds this one (CHIPS).")
    ] = False


class GeoSettings(msgspec.Struct, frozen=True):
    """Places beside network addresses, for people to recognise their own sessions by."""

    database: Annotated[Path | None, setting("A GeoIP database of cities or countries (`.mmdb`).", PATH)] = None


class TokenSettings(msgspec.Struct, frozen=True):
    """Access and refresh tokens, and the keys that sign them."""

    access_ttl: Annotated[int, setting("Life of an access token.", DURATION, ge=300, le=900)] = 600
    refresh_idle: Annotated[int, setting("Ends a refresh token that was not used for so long.", DURATION, ge=900)] = (
        14 * 86_400
    )
    refresh_absolute: Annotated[
        int, setting("Ends a family of refresh tokens so long after sign-in.", DURATION, ge=900)
    ] = 90 * 86_400
    algorithm: Annotated[
        Literal["ES256", "RS256"], setting("Signs access tokens. RS256 costs 12 times as much CPU.")
    ] = "ES256"
    key_publish_lead: Annotated[
        int, setting("How long a new key is published before it signs.", DURATION, ge=0, le=86_400)
    ] = 600


class SignInSettings(msgspec.Struct, frozen=True):
    """What a sign-in has to show."""

    policy: Annotated[
        Literal["any", "two_factors", "phishing_resistant"],
        setting(
            "What is enough. `any`: one proof, or two different factors of an account that has set up a second one. "
            "`two_factors`: two different factors of everybody; a mailed code counts as one for who has set up no "
            "other, so that the mail box, which replaces forgotten passwords too, is then enough: `email = false` has "
            "them add a second factor instead. `phishing_resistant`: a passkey, or a security key beside another "
            "factor. A role can ask for more than this, never for less."
        ),
    ] = "any"
    email: Annotated[bool, setting("Offers a link and code by e-mail instead of a password.")] = True
    link_anywhere: Annotated[
        bool,
        setting(
            "Lets the mailed link sign in another browser than the one that asked for it. Whoever talks somebody into "
            "opening a link is then nearer to their account."
        ),
    ] = False
    flow_ttl: Annotated[
        int, setting("Time to finish a sign-in, and life of a mailed link and code.", DURATION, ge=60, le=3600)
    ] = 600
    code_tries: Annotated[int, setting("Wrong answers after which a sign-in has to begin again.", ge=1, le=20)] = 5
    trust_device: Annotated[
        int,
        setting(
            'How long a browser is not asked for the second factor again, where its owner chose so; 0 is "always ask".',
            DURATION,
            ge=0,
            le=LONGEST_SESSION,
        ),
    ] = 30 * 86_400
    fresh: Annotated[
        int,
        setting(
            "How long ago somebody may have proved who they are to change credentials, address or keys.",
            DURATION,
            ge=60,
            le=86_400,
        ),
    ] = 600
    notices: Annotated[
        bool, setting("Tells owners by mail of sign-ins on new devices and of new or removed credentials.")
    ] = True


class RecoverySettings(msgspec.Struct, frozen=True):
    """For who has lost a password or a second factor."""

    by_email: Annotated[bool, setting("Whether a forgotten password can be replaced by mail.")] = True
    administrator_wait: Annotated[
        int,
        setting(
            "How long an administrator's removal of somebody's second factors waits, so that the owner, who is told by "
            "mail, can stop it.",
            DURATION,
            ge=0,
            le=2_592_000,
        ),
    ] = 86_400


class RegistrationSettings(msgspec.Struct, frozen=True):
    """Sign-up and proof of the e-mail address."""

    open: Annotated[bool, setting("Whether people may register themselves.")] = True
    challenge_ttl: Annotated[
        int, setting("Life of a verification link and of its code.", DURATION, ge=300, le=604_800)
    ] = 86_400
    pending_ttl: Annotated[
        int, setting("Removes an account whose address nobody proved for so long.", DURATION, ge=3600)
    ] = 7 * 86_400
    code_tries: Annotated[int, setting("Wrong tries after which a code is void.", ge=1, le=10)] = 5


class LimitSettings(msgspec.Struct, frozen=True):
    """Rate limits; what exceeds one gets 429 and is told when to try again."""

    login_address: Annotated[Rate, setting("Sign-in tries from one network address.", RATE)] = Rate(30, 60)
    login_account: Annotated[
        Rate, setting("Sign-in tries for one account by strangers, and as many by each device that it knows.", RATE)
    ] = Rate(10, 300)
    login_total: Annotated[Rate, setting("Sign-in tries by strangers for all accounts together.", RATE)] = Rate(
        3000, 60
    )
    suspicion_account: Annotated[
        Rate,
        setting("Wrong passwords by strangers for one account; beyond, the right one takes another proof too.", RATE),
    ] = Rate(20, 86_400)
    second_factor_account: Annotated[
        Rate, setting("Second factors tried for one account by strangers, and by each device that it knows.", RATE)
    ] = Rate(10, 600)
    register_address: Annotated[Rate, setting("Registrations from one network address.", RATE)] = Rate(20, 3600)
    verify_address: Annotated[Rate, setting("Codes and links tried from one network address.", RATE)] = Rate(30, 600)
    recover_address: Annotated[Rate, setting("Recoveries tried from one network address.", RATE)] = Rate(20, 3600)
    mail_account: Annotated[Rate, setting("Mails to one account that somebody else may cause.", RATE)] = Rate(5, 3600)
    sms_account: Annotated[
        Rate, setting("Text messages to one telephone number that somebody else may cause.", RATE)
    ] = Rate(5, 3600)
    sms_total: Annotated[Rate, setting("Text messages to all numbers together.", RATE)] = Rate(100, 3600)
    step_up_address: Annotated[Rate, setting("Proofs of a session again from one network address.", RATE)] = Rate(
        30, 60
    )
    authorize_address: Annotated[Rate, setting("Authorization requests from one network address.", RATE)] = Rate(
        120, 60
    )
    token_address: Annotated[
        Rate, setting("Requests of applications for tokens, and about them, from one network address.", RATE)
    ] = Rate(12_000, 60)
    client_registration_address: Annotated[
        Rate, setting("Applications that register themselves from one network address.", RATE)
    ] = Rate(20, 3600)
    device_code_address: Annotated[Rate, setting("Codes of devices typed from one network address.", RATE)] = Rate(
        10, 600
    )
    anonymous_session_address: Annotated[
        Rate, setting("New sessions without a sign-in from one network address.", RATE)
    ] = Rate(60, 600)
    anonymous_address: Annotated[
        Rate, setting("Requests without a valid credential from one network address.", RATE)
    ] = Rate(600, 60)

    def for_dev(self) -> LimitSettings:
        """A hundred times as generous: one developer and one test suite share one address."""
        raised = {name: Rate(rate.count * 100, rate.seconds) for name, rate in msgspec.structs.asdict(self).items()}
        return LimitSettings(**raised)


class DecisionSettings(msgspec.Struct, frozen=True):
    """What is recorded of decisions, in the audit log."""

    log: Annotated[
        Literal["none", "denials", "all"],
        setting(
            "Which decisions are recorded, with the facts that decided. They are written a tenth of a second later."
        ),
    ] = "none"
    log_percent: Annotated[int, setting("How many of a hundred of those, chosen at random.", ge=1, le=100)] = 100


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one Ostiary."""

    issuer: Annotated[
        str,
        setting(
            "The public URL of this Ostiary; its path, if any, is where the pages and the API are mounted. "
            "Stands in every token, so changing it ends them all.",
            ISSUER,
        ),
    ] = "http://localhost:8000"
    site_name: Annotated[str, setting("The name on pages and in mail.", min_length=1, max_length=64)] = "Ostiary"
    master_key: Annotated[
        Secret | None, setting("Seals the secrets in the database; without it they are lost.", KEY)
    ] = None
    master_key_file: Annotated[Path | None, setting("A file that holds `master_key` instead.", PATH)] = None
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    redis: RedisSettings = RedisSettings()
    mail: MailSettings = MailSettings()
    sms: SmsSettings = SmsSettings()
    passwords: PasswordSettings = PasswordSettings()
    sessions: SessionSettings = SessionSettings()
    cookies: CookieSettings = CookieSettings()
    geo: GeoSettings = GeoSettings()
    tokens: TokenSettings = TokenSettings()
    registration: RegistrationSettings = RegistrationSettings()
    sign_in: SignInSettings = SignInSettings()
    passkeys: PasskeySettings = PasskeySettings()
    recovery: RecoverySettings = RecoverySettings()
    limits: LimitSettings = LimitSettings()
    decisions: DecisionSettings = DecisionSettings()
    oauth: OAuthSettings = OAuthSettings()
    dev: bool = False
    """Development mode; only code sets it, for `ostiary dev`."""
    sources: dict[str, str] = {}
    """Where each setting that is not at its default comes from, for `ostiary config show`."""

    @property
    def base_path(self) -> str:
        """The path of the issuer, under which everything is mounted: ``""`` or ``"/auth"``."""
        return urlsplit(self.issuer).path

    @property
    def secure_cookies(self) -> bool:
        """Whether cookies are sent over https only."""
        if self.cookies.secure == "auto":
            return urlsplit(self.issuer).scheme == "https"
        return self.cookies.secure == "always"
