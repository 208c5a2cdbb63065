"""What the process environment may say, checked once and all at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
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
FILE_VARIABLES = ("SECRET_KEY", "SECRET_KEY_FALLBACKS", "DATABASE_URL")

_PLACEHOLDER = re.compile(r"insecure|secret|change.?me|placeholder|example|replace", re.IGNORECASE)
_HOST = re.compile(r"\.?[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|\[[0-9a-f:.]+\]|\*", re.IGNORECASE)
_ORIGIN = re.compile(r"https?://[^/?#@\s]+", re.IGNORECASE)
_SCHEMES = ("sqlite", "postgres", "postgresql")
_YEAR = 365 * 24 * 60 * 60


def _split(value: object) -> object:
    """Split a comma-separated variable; blanks around and between the commas do not count."""
    if not isinstance(value, str):
        return value
    return [part.strip() for part in value.split(",") if part.strip()]


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
    DATABASE_URL: SecretStr = SecretStr("sqlite:///db.sqlite3")
    CONN_MAX_AGE: Annotated[int, Field(ge=0, le=86_400)] = 60
    SECURE_SSL_REDIRECT: bool | None = None
    SECURE_HSTS_SECONDS: Annotated[int, Field(ge=0, le=2 * _YEAR)] | None = None
    SECURE_HSTS_INCLUDE_SUBDOMAINS: bool = False
    SECURE_HSTS_PRELOAD: bool = False
    TRUST_X_FORWARDED_PROTO: bool = False
    LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @property
    def ssl_redirect(self) -> bool:
        """Whether plain HTTP is sent to HTTPS; on unless DEBUG, or as said."""
        return not self.DEBUG if self.SECURE_SSL_REDIRECT is None else self.SECURE_SSL_REDIRECT

    @property
    def hsts_seconds(self) -> int:
        """How long a browser keeps to HTTPS, in seconds; a year unless DEBUG, or as said."""
        default = 0 if self.DEBUG else _YEAR
        return default if self.SECURE_HSTS_SECONDS is None else self.SECURE_HSTS_SECONDS

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

    @field_validator("DATABASE_URL")
    @classmethod
    def _database_is_known(cls, url: SecretStr) -> SecretStr:
        database_of(url.get_secret_value())
        return url

    @field_validator("LOG_LEVEL", mode="before")
    @classmethod
    def _level_in_capitals(cls, level: object) -> object:
        return level.upper() if isinstance(level, str) else level


# Each name that is read, for whoever must start from an environment that says nothing.
VARIABLES = (*Environment.model_fields, *(f"{name}_FILE" for name in FILE_VARIABLES))


def check_key(key: str) -> None:
    """Raise ValueError for a key too short or too plain to sign sessions with."""
    if len(key) < 50 or len(set(key)) < 5:
        raise ValueError("too weak: at least 50 random characters")
    if _PLACEHOLDER.search(key):
        raise ValueError("a placeholder: make a random one")


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
