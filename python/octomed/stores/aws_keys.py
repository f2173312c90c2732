"""Credentials of AWS, looked up again whenever a client asks: they may have been renewed meanwhile."""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from octomed.errors import RecipeError, StorageError
from octomed.names import shown

if TYPE_CHECKING:
    from octomed.stores.options import StoreOptions

__all__ = ["AwsKeys", "profile_values"]

_KEPT = timedelta(minutes=5)
"""How long keys out of a file are believed: tools that sign in write new ones there."""

_BY_OTHERS = (
    "sso_session",
    "sso_account_id",
    "sso_start_url",
    "role_arn",
    "credential_process",
    "web_identity_token_file",
)
_OF_MACHINES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)


def profile_values(profile: str | None) -> dict[str, str]:
    """Return what the files of AWS's tools say of a profile; nothing where they name none of that name.

    Parameters
    ----------
    profile
        Its name; ``None`` means `AWS_PROFILE`, else `default`.
    """
    name = profile or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE") or "default"
    values: dict[str, str] = {}
    for variable, file, sections in (
        ("AWS_CONFIG_FILE", "config", (f"profile {name}", *(["default"] if name == "default" else []))),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", (name,)),
    ):
        parser = _parsed(Path(os.environ.get(variable) or f"~/.aws/{file}").expanduser())
        for section in sections:
            if parser.has_section(section):
                values |= dict(parser.items(section))
    return values


def _parsed(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(default_section="\0", strict=False, allow_no_value=True)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        pass
    except (OSError, UnicodeDecodeError, configparser.Error):  # whose message would quote the line
        raise StorageError(
            f"cannot read `{shown(str(path))}`", "correct the file, or set other credentials"
        ) from None
    return parser


@dataclass
class AwsKeys:
    """What obstore calls for credentials: those of the environment, of a profile, or of `boto3`.

    Attributes
    ----------
    options
        Of the store: its profile and role.
    refresh_threshold
        How long before they expire obstore asks again.
    """

    options: StoreOptions
    refresh_threshold: ClassVar[timedelta] = timedelta(minutes=1)
    _session: Any = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the session behind, which holds secrets."""
        return {"options": self.options, "_session": None}

    def found(self) -> bool:
        """Say whether there are any here; where not, the client asks the machine that it runs on.

        Raises
        ------
        RecipeError
            When a profile is named that there is not.
        StorageError
            When there are none at all, or the package is missing that signs in.
        """
        if self.options.role:
            self._with_boto3("a `role` below `stores`")
            return True
        if self.options.profile is None and _of_environment() is not None:
            return True
        values = profile_values(self.options.profile)
        if not values and (self.options.profile or os.environ.get("AWS_PROFILE")):
            name = self.options.profile or os.environ["AWS_PROFILE"]
            raise RecipeError(
                f"there is no profile `{shown(name)}` of AWS", "correct its name in `~/.aws/config`, or here"
            )
        if "aws_access_key_id" in values:
            return True
        if any(one in values for one in _BY_OTHERS):
            self._with_boto3("a profile of AWS without keys of its own")
            return True
        return False

    def __call__(self) -> dict[str, Any]:
        """Return the keys of now."""
        keys = None if self.options.role or self.options.profile else _of_environment()
        if keys is None and not self.options.role:
            keys = _of_profile(profile_values(self.options.profile))
        if keys is None:
            return self._of_session()
        return {**keys, "expires_at": datetime.now(timezone.utc) + _KEPT}

    def _of_session(self) -> dict[str, Any]:
        session = self._with_boto3("these credentials of AWS")
        if self.options.role:
            answer = session.client("sts").assume_role(RoleArn=self.options.role, RoleSessionName="octomed")
            keys = answer["Credentials"]
            named = (keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            return dict(zip(_NAMES, named, strict=True)) | {
                "expires_at": keys["Expiration"].astimezone(timezone.utc)
            }
        found = session.get_credentials()
        if found is None:
            raise ValueError("No credentials")
        frozen = found.get_frozen_credentials()
        named = (frozen.access_key, frozen.secret_key, frozen.token)
        return dict(zip(_NAMES, named, strict=True)) | {"expires_at": datetime.now(timezone.utc) + _KEPT}

    def _with_boto3(self, what: str) -> Any:  # noqa: ANN401 of a package that need not be there
        if self._session is None:
            try:
                import boto3  # noqa: PLC0415 only for what is no pair of keys
            except ModuleNotFoundError:
                raise StorageError(f"{what} needs `boto3`", "`pip install '.[s3]'`") from None
            self._session = boto3.Session(profile_name=self.options.profile)
        return self._session


_NAMES = ("access_key_id", "secret_access_key", "token")


def machine_may_have_keys() -> bool:
    """Say whether a token, a container or an instance of AWS may give credentials."""
    if any(os.environ.get(name) for name in _OF_MACHINES):
        return True
    return os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() != "true"


def _of_environment() -> dict[str, Any] | None:
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID"), os.environ.get("AWS_SECRET_ACCESS_KEY")
    if not (key and secret):
        return None
    token = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_SECURITY_TOKEN") or None
    return dict(zip(_NAMES, (key, secret, token), strict=True))


def _of_profile(values: dict[str, str]) -> dict[str, Any] | None:
    key, secret = values.get("aws_access_key_id"), values.get("aws_secret_access_key")
    if not (key and secret) or "role_arn" in values:
        return None
    return dict(zip(_NAMES, (key, secret, values.get("aws_session_token")), strict=True))
