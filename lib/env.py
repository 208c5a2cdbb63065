"""What the process environment may say, checked once and all at once."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from django.core.exceptions import ValidationError as NoAddress
from django.core.validators import validate_email
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)

# A secret may come as NAME, or as NAME_FILE: the path of a file that holds it. Docker, Kubernetes
# and the like mount secrets so, and a file does not show in a process listing.
FILE_VARIABLES = (
    "SECRET_KEY",
    "SECRET_KEY_FALLBACKS",
    "DATABASE_URL",
    "REPLICA_DATABASE_URL",
    "DATABASE_OWNER_PASSWORD",
    "DATABASE_APP_PASSWORD",
    "DATABASE_APP_NEXT_PASSWORD",
    "REDIS_URL",
    "EMAIL_URL",
    "VAPID_PRIVATE_KEY",
    "SENTRY_DSN",
)

_PLACEHOLDER = re.compile(r"insecure|secret|change.?me|placeholder|example|replace", re.IGNORECASE)
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]|\*", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.IGNORECASE)
_POSTGRES = ("postgres", "postgresql")
_SCHEMES = ("sqlite", *_POSTGRES)
# The usual port of each way to speak to a mail server.
_MAIL_PORTS = {"smtp": 25, "submission": 587, "smtps": 465}
_SECONDS = {"s": 1, "min": 60, "h": 60 * 60, "day": 24 * 60 * 60}
_RATE = re.compile(rf"([0-9]{{1,9}})/({'|'.join(_SECONDS)})")
_P256_KEY = re.compile(r"[A-Za-z0-9_-]{43}=?")
# How many keys the curve has: a private one is a number below it.
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_YEAR = 365 * 24 * 60 * 60
_DAY_MS = 24 * 60 * 60 * 1000


def _split(value: object) -> object:
    """Split a comma-separated variable; blanks around and between the commas do not count."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


def _rate(value: object) -> object:
    """Split 600/min into a number and the seconds it is for; "off" is no limit."""
    if not isinstance(value, str):
        return value
    if value.strip().lower() == "off":
        return None
    match = _RATE.fullmatch(value.strip().lower())
    if match is None or int(match[1]) == 0:
        raise ValueError("must be a number of requests and a time, such as 600/min, or off")
    return int(match[1]), _SECONDS[match[2]]


Rate = Annotated[tuple[int, int] | None, BeforeValidator(_rate)]
CommaList = Annotated[list[str], BeforeValidator(_split)]
SecretList = Annotated[list[SecretStr], BeforeValidator(_split)]


class Environment(BaseModel):
    """Every variable the service reads, under its own name.

    DEBUG stands first because the rules of later variables look at it. A DEBUG that cannot be read
    counts as off, so the stricter rules apply.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    DEBUG: bool = False
    SECRET_KEY: SecretStr
    SECRET_KEY_FALLBACKS: SecretList = Field(default_factory=list)
    ALLOWED_HOSTS: CommaList = Field(default_factory=list, validate_default=True)
    CSRF_TRUSTED_ORIGINS: CommaList = Field(default_factory=list)
    PUBLIC_URL: str | None = None
    DATABASE_URL: SecretStr = SecretStr("sqlite:///db.sqlite3")
    REPLICA_DATABASE_URL: SecretStr | None = None
    DATABASE_OWNER_PASSWORD: SecretStr | None = None
    DATABASE_APP_USER: str | None = None
    DATABASE_APP_PASSWORD: SecretStr | None = None
    DATABASE_APP_NEXT_PASSWORD: SecretStr | None = None
    CONN_MAX_AGE: Annotated[int, Field(ge=0, le=86_400)] = 60
    SECURE_SSL_REDIRECT: bool | None = None
    SECURE_HSTS_SECONDS: Annotated[int, Field(ge=0, le=2 * _YEAR)] | None = None
    SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = False
    SECURE_HSTS_PRELOAD: bool = False
    TRUST_X_FORWARDED_PROTO: bool = False
    TRUSTED_PROXY_COUNT: Annotated[int, Field(ge=0, le=10)] = 0
    CORS_ALLOWED_ORIGINS: CommaList = Field(default_factory=list)
    CSRF_COOKIE_DOMAIN: str | None = None
    PASSKEY_DOMAIN: str | None = None
    ADMIN_SECOND_FACTOR: bool | None = None
    REDIS_URL: SecretStr | None = None
    EMAIL_URL: SecretStr | None = None
    DEFAULT_FROM_EMAIL: str = "Financial Alerts <no-reply@localhost>"
    VAPID_PRIVATE_KEY: SecretStr | None = None
    VAPID_SUBJECT: Annotated[str | None, Field(validate_default=True)] = None
    THROTTLE_USER: Rate = (600, 60)
    THROTTLE_ADDRESS: Rate = (3000, 60)
    THROTTLE_UNAUTHENTICATED: Rate = (60, 60)
    THROTTLE_MESSAGES: Rate = (60, 3600)
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    SLOW_REQUEST_MS: Annotated[int, Field(ge=0, le=_DAY_MS)] = 1000
    SLOW_QUERY_MS: Annotated[int, Field(ge=0, le=_DAY_MS)] = 200
    SENTRY_DSN: SecretStr | None = None

    @property
    def ssl_redirect(self) -> bool:
        """Whether plain HTTP is sent to HTTPS; on unless DEBUG, or as said."""
        return not self.DEBUG if self.SECURE_SSL_REDIRECT is None else self.SECURE_SSL_REDIRECT

    @property
    def public_url(self) -> str:
        """Where people reach the service, for links in mails: as said, or by its first host."""
        if self.PUBLIC_URL is not None:
            return self.PUBLIC_URL
        if self.DEBUG or not self.ALLOWED_HOSTS:
            return "http://127.0.0.1:8000"
        return f"https://{self.ALLOWED_HOSTS[0].lstrip('.')}"

    @property
    def hsts_seconds(self) -> int:
        """How long a browser keeps to HTTPS, in seconds; a year unless DEBUG, or as said."""
        default = 0 if self.DEBUG else _YEAR
        return default if self.SECURE_HSTS_SECONDS is None else self.SECURE_HSTS_SECONDS

    @property
    def admin_second_factor(self) -> bool:
        """Whether the admin takes a second factor; yes unless DEBUG, or as said."""
        return not self.DEBUG if self.ADMIN_SECOND_FACTOR is None else self.ADMIN_SECOND_FACTOR

    @field_validator("SECRET_KEY")
    @classmethod
    def _key_is_strong(cls, key: SecretStr) -> SecretStr:
        check_key(key.get_secret_value())
        return key

    @field_validator("SECRET_KEY_FALLBACKS")
    @classmethod
    def _old_keys_are_strong(cls, keys: list[SecretStr]) -> list[SecretStr]:
        for key in keys:
            check_key(key.get_secret_value())
        return keys

    @field_validator("ALLOWED_HOSTS")
    @classmethod
    def _hosts_are_named(cls, hosts: list[str], info: ValidationInfo) -> list[str]:
        if wrong := [host for host in hosts if not _HOST.fullmatch(host)]:
            raise ValueError(f"{wrong[0]!r} is not a host name (no scheme, port or path)")
        if not info.data.get("DEBUG", False):
            if not hosts:
                raise ValueError("missing: name the hosts that this service answers for")
            if "*" in hosts:
                raise ValueError(
                    "'*' answers for any host: name them, or a domain as '.example.com'"
                )
        return hosts

    @field_validator("CSRF_TRUSTED_ORIGINS")
    @classmethod
    def _origins_are_origins(cls, origins: list[str]) -> list[str]:
        if wrong := [origin for origin in origins if not _ORIGIN.fullmatch(origin)]:
            raise ValueError(f"{wrong[0]!r} is not an origin such as https://app.example.com")
        return origins

    @field_validator("PUBLIC_URL")
    @classmethod
    def _public_url_is_an_origin(cls, url: str) -> str:
        return cls._origins_are_origins([url])[0]

    @field_validator("CORS_ALLOWED_ORIGINS")
    @classmethod
    def _any_origin_or_named_ones(cls, origins: list[str]) -> list[str]:
        if "*" in origins:
            if len(origins) > 1:
                raise ValueError("use either '*' or a list of origins")
            return origins
        return cls._origins_are_origins(origins)

    @field_validator("CSRF_COOKIE_DOMAIN", "PASSKEY_DOMAIN")
    @classmethod
    def _domain_is_a_name(cls, domain: str) -> str:
        if domain == "*" or not _HOST.fullmatch(domain):
            raise ValueError(f"{domain!r} is not a domain such as example.com")
        return domain.lower()

    @field_validator("REDIS_URL")
    @classmethod
    def _redis_is_redis(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("redis", "rediss") or not parts.hostname:
            raise ValueError("must be redis://HOST:6379/0, or rediss:// for TLS")
        return url

    @field_validator("EMAIL_URL")
    @classmethod
    def _mail_server_is_known(cls, url: SecretStr) -> SecretStr:
        mail_of(url.get_secret_value())
        return url

    @field_validator("DEFAULT_FROM_EMAIL")
    @classmethod
    def _sender_is_an_address(cls, sender: str) -> str:
        try:
            validate_email(parseaddr(sender)[1])
        except NoAddress:
            raise ValueError("not an e-mail address such as Alerts <alerts@example.com>") from None
        return sender

    @field_validator("VAPID_PRIVATE_KEY")
    @classmethod
    def _key_is_of_p256(cls, key: SecretStr) -> SecretStr:
        text = key.get_secret_value()
        if not _P256_KEY.fullmatch(text):
            raise ValueError("not 32 bytes in base64url: manage.py vapid_key makes one")
        if not 0 < int.from_bytes(urlsafe_b64decode(f"{text[:43]}="), "big") < _P256_ORDER:
            raise ValueError("not a key of P-256: manage.py vapid_key makes one")
        return key

    @field_validator("VAPID_SUBJECT")
    @classmethod
    def _contact_is_one(cls, subject: str | None, info: ValidationInfo) -> str | None:
        if subject is None:
            if info.data.get("VAPID_PRIVATE_KEY") is not None:
                raise ValueError("missing: mailto:ADDRESS or https://PAGE, for VAPID_PRIVATE_KEY")
            return None
        check_contact(subject)
        return subject

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_is_known(cls, url: SecretStr) -> SecretStr:
        database_of(url.get_secret_value())
        return url

    @field_validator("REPLICA_DATABASE_URL")
    @classmethod
    def _replica_is_of_postgresql(cls, url: SecretStr, info: ValidationInfo) -> SecretStr:
        database_of(url.get_secret_value())
        primary = info.data.get("DATABASE_URL")
        both = [url] if primary is None else [url, primary]
        if any(urlsplit(each.get_secret_value()).scheme not in _POSTGRES for each in both):
            raise ValueError("only PostgreSQL has replicas: DATABASE_URL and this must be of it")
        return url

    @field_validator("SENTRY_DSN")
    @classmethod
    def _dsn_is_one(cls, dsn: SecretStr) -> SecretStr:
        parts = urlsplit(dsn.get_secret_value())
        if parts.scheme not in ("http", "https") or not (parts.username and parts.hostname):
            raise ValueError("not a DSN such as https://KEY@HOST/PROJECT")
        if not parts.path.rpartition("/")[2].isdigit():
            raise ValueError("names no project: https://KEY@HOST/PROJECT")
        return dsn

    @field_validator("LOG_LEVEL", mode="before")
    @classmethod
    def _level_in_capitals(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level


# Each name that is read, for those who start a process with a clean environment.
VARIABLES = (*Environment.model_fields, *(f"{name}_FILE" for name in FILE_VARIABLES))


def check_key(key: str) -> None:
    """Raise ValueError for a key too short or too plain to sign sessions with."""
    if len(key) < 50 or len(set(key)) < 5:
        raise ValueError("too weak: at least 50 random characters")
    if _PLACEHOLDER.search(key):
        raise ValueError("a placeholder: make a random one")


def check_contact(subject: str) -> None:
    """Raise ValueError for what tells nobody how to reach the operator."""
    scheme, _, address = subject.partition(":")
    if scheme == "mailto":
        try:
            return validate_email(address)
        except NoAddress:
            pass
    elif scheme == "https" and _ORIGIN.match(subject):
        return None
    raise ValueError("must be mailto:ADDRESS or https://PAGE")


def database_of(url: str) -> dict[str, Any]:
    """Give the Django database settings that a URL names.

    Raises ValueError, without the URL in its text (it holds the password), for a URL that names no
    SQLite or PostgreSQL database.
    """
    if urlsplit(url).scheme not in _SCHEMES:
        raise ValueError("must start with sqlite:/// or postgres://")
    try:
        database = dict(dj_database_url.parse(url))
    except Exception:
        raise ValueError("not a database URL: postgres://USER:PASSWORD@HOST:5432/NAME") from None
    if not database["NAME"]:
        raise ValueError("names no database")
    return database


class MailServer(NamedTuple):
    """Where mail is handed in. starttls: turns to TLS after the greeting; tls: from the start."""

    host: str
    port: int
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False


def mail_of(url: str) -> MailServer:
    """Give the mail server that a URL names.

    Raises ValueError, without the URL in its text (it holds the password), for another scheme than
    smtp (plain), submission (STARTTLS) and smtps (TLS), and for anything after host and port.
    """
    try:
        parts = urlsplit(url)
        port = parts.port or _MAIL_PORTS[parts.scheme]
    except (KeyError, ValueError):
        raise ValueError("must be submission://USER:PASSWORD@HOST, smtps:// or smtp://") from None
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must name a mail server, and nothing after it")
    return MailServer(
        parts.hostname,
        port,
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        starttls=parts.scheme == "submission",
        tls=parts.scheme == "smtps",
    )


def read(environ: Mapping[str, str]) -> Environment:
    """Check the variables and give them typed; an empty one counts as absent.

    Raises ImproperlyConfigured with one line for each variable that is wrong or missing.
    """
    values = {name: value for name, value in environ.items() if value.strip()}
    problems = _take_files(values)
    try:
        environment = Environment.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            problems.setdefault(str(detail["loc"][0]), _say(detail["type"], detail["msg"]))
    if problems:
        lines = [f"  {name}: {problem}" for name, problem in sorted(problems.items())]
        text = "\n".join(["The environment (or .env) is not complete or not right:", *lines])
        raise ImproperlyConfigured(f"{text}\nEach variable is explained in .env.example.") from None
    return environment


def _take_files(values: dict[str, str]) -> dict[str, str]:
    """Move what NAME_FILE points at into NAME; give the problems met, by variable."""
    problems: dict[str, str] = {}
    for name in FILE_VARIABLES:
        path = values.pop(f"{name}_FILE", None)
        if path is None:
            continue
        if name in values:
            problems[name] = f"given twice, also as {name}_FILE"
            continue
        try:
            values[name] = Path(path).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            problems[name] = f"{name}_FILE cannot be read: {_reason(error)}"
    return problems


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return error.strerror or "unknown" if isinstance(error, OSError) else "not UTF-8 text"


def _say(kind: str, message: str) -> str:
    """Put pydantic's wording into one that speaks of a variable."""
    if kind == "missing":
        return "missing"
    if kind.startswith("bool"):
        return "must be true or false"
    return message.removeprefix("Value error, ").removeprefix("Input ")
