"""Settings: what goes over what, what is refused, and that everything wrong is said at once."""

from __future__ import annotations

import stat
from ipaddress import ip_network
from pathlib import Path

import pytest

from ostiary.errors import ConfigurationError
from ostiary.settings import Rate, Secret, Settings, dev_settings, load, production_faults, shown
from ostiary.settings.fields import fields

KEY = "0123456789abcdef" * 4
PRODUCTION = {
    "OSTIARY_ISSUER": "https://login.example.com",
    "OSTIARY_MASTER_KEY": KEY,
    "OSTIARY_MAIL_SENDER": "smtp",
    "OSTIARY_MAIL_HOST": "smtp.example.com",
    "OSTIARY_MAIL_FROM_ADDRESS": "no-reply@example.com",
}


def faults_of(environ: dict[str, str], toml: Path | None = None, *, production: bool = False) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(environ, toml, production=production)
    return caught.value.faults


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    return tmp_path / "ostiary.toml"


def test_nothing_set_means_the_defaults() -> None:
    assert load({}) == Settings()


def test_every_default_is_itself_accepted_as_it_is_shown() -> None:
    for field in fields():
        if written := field.show(field.default):
            assert field.read(written) == field.default, field.path


def test_the_environment_goes_over_the_file_and_the_file_over_the_default(toml: Path) -> None:
    toml.write_text('site_name = "File"\n[server]\nport = 8001\nhost = "0.0.0.0"\n[limits]\nlogin_account = "3/30s"\n')

    settings = load({"OSTIARY_SERVER_PORT": "8002"}, toml)

    assert settings.site_name == "File"
    assert settings.server.port == 8002
    assert settings.server.host == "0.0.0.0"
    assert settings.server.max_body == 65_536
    assert settings.limits.login_account == Rate(3, 30)
    assert settings.sources == {
        "site_name": str(toml),
        "server.port": "OSTIARY_SERVER_PORT",
        "server.host": str(toml),
        "limits.login_account": str(toml),
    }


def test_an_override_goes_over_everything_and_none_unsets(toml: Path) -> None:
    toml.write_text("[server]\nport = 8001\n")

    settings = load(PRODUCTION, toml, {"server.port": 9000, "master_key": None})

    assert settings.server.port == 9000
    assert settings.master_key is None


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({"OSTIARY_MASTER_KEY": "", "OSTIARY_SERVER_PORT": ""}) == Settings()


def test_variables_of_others_and_of_the_test_suite_are_not_looked_at() -> None:
    assert load({"PATH": "/bin", "OSTIARY_TEST_POSTGRES": "postgresql://x"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "written", "section", "name", "value"),
    [
        ("OSTIARY_TOKENS_ACCESS_TTL", "900", "tokens", "access_ttl", 900),
        ("OSTIARY_TOKENS_ACCESS_TTL", "5m", "tokens", "access_ttl", 300),
        ("OSTIARY_SESSIONS_IDLE", "24h", "sessions", "idle", 86_400),
        ("OSTIARY_SESSIONS_IDLE", "30d", "sessions", "idle", 30 * 86_400),
        ("OSTIARY_LIMITS_ANONYMOUS_ADDRESS", "10/30", "limits", "anonymous_address", Rate(10, 30)),
        ("OSTIARY_REGISTRATION_OPEN", "false", "registration", "open", False),
        ("OSTIARY_TOKENS_ALGORITHM", "RS256", "tokens", "algorithm", "RS256"),
        (
            "OSTIARY_SERVER_TRUSTED_PROXIES",
            "10.0.0.0/8, ::1",
            "server",
            "trusted_proxies",
            (ip_network("10.0.0.0/8"), ip_network("::1/128")),
        ),
    ],
)
def test_values_may_be_written_as_people_write_them(
    variable: str, written: str, section: str, name: str, value: object
) -> None:
    assert getattr(getattr(load({variable: written}), section), name) == value


@pytest.mark.parametrize(
    ("variable", "written"),
    [
        ("OSTIARY_ISSUER", "https://example.com/"),
        ("OSTIARY_ISSUER", "https://example.com/auth?x=1"),
        ("OSTIARY_ISSUER", "https://example.com/#x"),
        ("OSTIARY_ISSUER", "https://user@example.com"),
        ("OSTIARY_ISSUER", "https://exa mple.com"),
        ("OSTIARY_ISSUER", "https://example.com:99999"),
        ("OSTIARY_ISSUER", "https:///path"),
        ("OSTIARY_ISSUER", "ftp://example.com"),
        ("OSTIARY_ISSUER", "example.com"),
        ("OSTIARY_MASTER_KEY", "short"),
        ("OSTIARY_MASTER_KEY", "g" * 64),
        ("OSTIARY_SITE_NAME", "x" * 65),
        ("OSTIARY_SERVER_PORT", "0"),
        ("OSTIARY_SERVER_PORT", "http"),
        ("OSTIARY_SERVER_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("OSTIARY_DATABASE_URL", "mysql://localhost/x"),
        ("OSTIARY_MAIL_SENDER", "carrier pigeon"),
        ("OSTIARY_MAIL_FROM_ADDRESS", "nobody"),
        ("OSTIARY_PASSWORDS_MIN_LENGTH", "7"),
        ("OSTIARY_PASSWORDS_MAX_LENGTH", "63"),
        ("OSTIARY_TOKENS_ACCESS_TTL", "299"),
        ("OSTIARY_TOKENS_ACCESS_TTL", "16m"),
        ("OSTIARY_TOKENS_ACCESS_TTL", "-10m"),
        ("OSTIARY_TOKENS_ACCESS_TTL", "10 minutes"),
        ("OSTIARY_TOKENS_ALGORITHM", "none"),
        ("OSTIARY_TOKENS_ALGORITHM", "HS256"),
        ("OSTIARY_LIMITS_ANONYMOUS_ADDRESS", "0/1m"),
        ("OSTIARY_LIMITS_ANONYMOUS_ADDRESS", "5/0s"),
        ("OSTIARY_LIMITS_ANONYMOUS_ADDRESS", "5"),
        ("OSTIARY_REGISTRATION_OPEN", "maybe"),
    ],
)
def test_a_value_out_of_bounds_is_one_fault_that_names_the_setting_and_what_is_accepted(
    variable: str, written: str
) -> None:
    [fault] = faults_of({variable: written})

    field = next(field for field in fields() if field.variable == variable)
    assert fault.startswith(field.path + ": ")
    assert variable in fault
    assert field.accepted in fault


@pytest.mark.parametrize(
    "written",
    ["[server]\nport = true", "[server]\nport = 1.5", "[database]\nurl = 1", "[limits]\nanonymous_address = 5"],
)
def test_a_value_of_another_toml_type_is_a_fault(toml: Path, written: str) -> None:
    toml.write_text(written)

    assert len(faults_of({}, toml)) == 1


@pytest.mark.parametrize(
    ("written", "path"),
    [
        ({"OSTIARY_MAIL_SENDER": "smtp", "OSTIARY_MAIL_FROM_ADDRESS": "a@example.com"}, "mail.host"),
        ({"OSTIARY_MAIL_SENDER": "smtp", "OSTIARY_MAIL_HOST": "localhost"}, "mail.from_address"),
        ({"OSTIARY_MAIL_USERNAME": "somebody"}, "mail.password"),
        ({"OSTIARY_PASSWORDS_PASSES": "1"}, "passwords.memory_kib"),
        ({"OSTIARY_PASSWORDS_MEMORY_KIB": "19455"}, "passwords.memory_kib"),
        ({"OSTIARY_SESSIONS_IDLE": "31d"}, "sessions.idle"),
        ({"OSTIARY_TOKENS_REFRESH_IDLE": "91d"}, "tokens.refresh_idle"),
        ({"OSTIARY_MASTER_KEY": KEY, "OSTIARY_MASTER_KEY_FILE": "/nowhere"}, "master_key"),
        ({"OSTIARY_MASTER_KEY_FILE": "/nowhere"}, "master_key"),
    ],
)
def test_settings_that_contradict_each_other_are_a_fault(written: dict[str, str], path: str) -> None:
    [fault] = faults_of(written)
    assert fault.startswith(path + ": ")


def test_unknown_names_are_faults_that_suggest_the_name_meant(toml: Path) -> None:
    toml.write_text('isuer = "https://example.com"\n[database]\npol = 3\n[nonsense]\nx = 1\n')

    faults = faults_of({"OSTIARY_MAIL_HOTS": "smtp.example.com"}, toml)

    assert [fault.split(":")[0] for fault in faults] == ["isuer", "database.pol", "nonsense", "OSTIARY_MAIL_HOTS"]
    assert "did you mean issuer?" in faults[0]
    assert "did you mean database.pool?" in faults[1]
    assert "did you mean OSTIARY_MAIL_HOST?" in faults[3]


@pytest.mark.parametrize("content", [None, b"not [ toml", b"site_name = '\xff'"])
def test_a_file_that_cannot_be_read_is_a_fault(toml: Path, content: bytes | None) -> None:
    if content is not None:
        toml.write_bytes(content)

    [fault] = faults_of({}, toml)
    assert fault.startswith(f"{toml}: cannot be read")


def test_everything_wrong_is_said_at_once_in_production(toml: Path) -> None:
    toml.write_text("[mail]\nfrom_adress = 'x'\n")

    faults = faults_of({"OSTIARY_SERVER_PORT": "x", "OSTIARY_MAIL_PORT": "y"}, toml, production=True)

    assert {fault.split(":")[0] for fault in faults} == {
        "mail.from_adress",
        "server.port",
        "mail.port",
        "issuer",
        "master_key",
        "mail.sender",
    }


def test_the_scheme_of_the_issuer_is_written_in_small_letters() -> None:
    """It is compared by the letter, in tokens and with the Origin of requests."""
    assert [fault.split(":")[0] for fault in faults_of({"OSTIARY_ISSUER": "HTTPS://example.com"})] == ["issuer"]


def test_development_leaves_out_what_only_the_cookies_of_production_are_fit_for(tmp_path: Path, toml: Path) -> None:
    toml.write_text('[cookies]\ndomain = "example.com"\nsame_site = "none"\npartitioned = true\nname = "shop"\n')
    cookies = dev_settings(tmp_path, toml=toml).cookies
    assert (cookies.domain, cookies.same_site, cookies.partitioned, cookies.name) == (None, "lax", False, "shop")


def test_a_value_that_is_refused_is_one_fault_not_two_in_production() -> None:
    faults = faults_of(PRODUCTION | {"OSTIARY_ISSUER": "ftp://example.com"}, production=True)
    assert [fault.split(":")[0] for fault in faults] == ["issuer"]


def test_production_accepts_what_is_set_up_for_it() -> None:
    assert production_faults(load(PRODUCTION, production=True)) == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"OSTIARY_ISSUER": "http://login.example.com"}, "issuer"),
        ({"OSTIARY_ISSUER": "http://localhost:8000"}, "issuer"),
        ({"OSTIARY_MASTER_KEY": ""}, "master_key"),
        ({"OSTIARY_MAIL_SENDER": "outbox"}, "mail.sender"),
        (
            {"OSTIARY_MAIL_SECURITY": "none", "OSTIARY_MAIL_USERNAME": "u", "OSTIARY_MAIL_PASSWORD": "p"},
            "mail.security",
        ),
        ({"OSTIARY_SERVER_TRUSTED_PROXIES": "0.0.0.0/0"}, "server.trusted_proxies"),
    ],
)
def test_production_refuses(change: dict[str, str], path: str) -> None:
    [fault] = production_faults(load(PRODUCTION | change))
    assert fault.startswith(path + ": ")


def test_the_master_key_may_stand_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(KEY + "\n")

    settings = load({"OSTIARY_MASTER_KEY_FILE": str(file)})

    assert settings.master_key == Secret(KEY)
    assert settings.sources["master_key"] == str(file)


@pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
def test_a_master_key_file_that_holds_something_else_is_a_fault(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)

    [fault] = faults_of({"OSTIARY_MASTER_KEY_FILE": str(file)})
    assert fault.startswith(f"master_key: {file} does not hold 32 random bytes")


def test_secrets_are_in_no_text_that_anybody_sees() -> None:
    password = "correct horse"
    settings = load(
        {
            **PRODUCTION,
            "OSTIARY_MAIL_USERNAME": "mailer",
            "OSTIARY_MAIL_PASSWORD": password,
            "OSTIARY_DATABASE_URL": f"postgresql://ostiary:{password}@db.example.com/ostiary",
        }
    )

    assert settings.mail.password is not None
    assert settings.mail.password.reveal() == password
    for text in repr(settings), str(settings), str(shown(settings)), f"{settings.mail.password}":
        assert password not in text
        assert KEY not in text


@pytest.mark.parametrize("variable", ["OSTIARY_MASTER_KEY", "OSTIARY_DATABASE_URL"])
def test_a_secret_that_is_refused_is_not_repeated(variable: str) -> None:
    [fault] = faults_of({variable: "mysql://user:hunter2@db"})
    assert "hunter2" not in fault


def test_config_show_hides_each_password_in_the_url_of_redis() -> None:
    url = "redis+sentinel://ostiary:hunter2@one:26379,two:26379/master/0?sentinel_password=hunter2&ssl=x"
    rows = {path: value for path, value, _ in shown(load(PRODUCTION | {"OSTIARY_REDIS_URL": url}))}

    assert rows["redis.url"] == url.replace("hunter2", "********")


def test_config_show_lists_every_setting_with_its_source() -> None:
    rows = {path: (value, source) for path, value, source in shown(load(PRODUCTION))}

    assert rows["issuer"] == ("https://login.example.com", "OSTIARY_ISSUER")
    assert rows["master_key"] == ("********", "OSTIARY_MASTER_KEY")
    assert rows["tokens.access_ttl"] == ("10m", "default")
    assert rows["limits.login_account"] == ("10/5m", "default")
    assert rows["registration.open"] == ("true", "default")
    assert len(rows) == len(fields())


@pytest.mark.parametrize(
    ("issuer", "path"),
    [("https://example.com", ""), ("https://example.com/auth", "/auth"), ("http://[::1]:8000/a/b", "/a/b")],
)
def test_the_issuers_path_is_where_everything_is_mounted(issuer: str, path: str) -> None:
    assert load({"OSTIARY_ISSUER": issuer}).base_path == path


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_development_is_accepted_on_loopback_addresses(host: str) -> None:
    assert load({}, None, {"dev": True, "issuer": f"http://{host}:8000"}).dev


@pytest.mark.parametrize("host", ["example.com", "192.168.0.1", "localhost.example.com", "0.0.0.0", "[::]"])
def test_development_is_refused_anywhere_else(host: str) -> None:
    with pytest.raises(ConfigurationError, match="loopback"):
        load({}, None, {"dev": True, "issuer": f"http://{host}:8000"})


def test_development_cannot_be_switched_on_from_outside(toml: Path) -> None:
    toml.write_text("dev = true\n")
    assert [fault.split(":")[0] for fault in faults_of({"OSTIARY_DEV": "true"}, toml)] == ["dev", "OSTIARY_DEV"]


def test_development_settings_live_in_one_folder_and_keep_their_key(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"

    first, second = dev_settings(data, 8123), dev_settings(data, 8123)

    assert first == second
    assert first.dev
    assert first.issuer == "http://localhost:8123"
    assert first.server.port == 8123
    assert first.database.url == f"sqlite:///{data / 'ostiary.db'}"
    assert first.mail.sender == "outbox"
    assert first.limits.login_account == Rate(1000, 300)
    assert stat.S_IMODE((data / "master.key").stat().st_mode) == 0o600
    assert [file.name for file in data.iterdir()] == ["master.key"]


def test_development_takes_the_rest_from_the_environment(tmp_path: Path) -> None:
    environ = {"OSTIARY_SITE_NAME": "Mine", "OSTIARY_MASTER_KEY": KEY, "OSTIARY_LIMITS_ANONYMOUS_ADDRESS": "1/1m"}

    settings = dev_settings(tmp_path, environ=environ)

    assert settings.site_name == "Mine"
    assert settings.master_key != Secret(KEY)
    assert settings.limits.anonymous_address == Rate(1, 60)


def test_a_data_folder_that_cannot_be_used_is_one_clear_fault(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()

    with pytest.raises(ConfigurationError) as caught:
        dev_settings(file / "data")
    [fault] = caught.value.faults
    assert str(file / "data") in fault
    assert "--data" in fault
