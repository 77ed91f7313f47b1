"""The tables of rechenwerk.toml as written: their fields, with the types and defaults."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import msgspec

from rechenwerk.ledger.tariffs import Terms

NO_SECRETS: Mapping[tuple[str, str], tuple[str, str]] = MappingProxyType(
    {
        ("provider", "api_key"): (
            "a secret does not belong into this file",
            'put it into an environment variable of the server and write api_key_env = "ITS_NAME"',
        )
    }
)
"""What must not stand in a configuration."""


class ProviderTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[provider]]`` as written."""

    name: str
    kind: str
    base_url: str = ""
    api_key_env: str | None = None
    owner: str = ""


class HourTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From an hour of the day on (UTC) energy costs so much."""

    hour: int = msgspec.field(name="from")
    price: str


class SiteTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[site]]`` as written."""

    name: str
    jurisdiction: str = ""
    power_cap_kw: str | None = None
    pue: str = "1"
    co2_grams: str = "0"
    prices: str | tuple[str | HourTable, ...] = "0"


class DeploymentTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[deployment]]`` as written."""

    model: str
    provider: str
    contract: str
    endpoints: tuple[str, ...]
    context_tokens: int
    max_output_tokens: int
    cost: dict[str, str]
    upstream: str | None = None
    jurisdiction: str | None = None
    level: str | None = None
    site: str | None = None
    concurrency: int | None = None
    tokens_per_minute: int | None = None
    joules: dict[str, str] | None = None
    service_tier: str = ""


class TariffTable(Terms, frozen=True, kw_only=True):
    """A ``[[tariff]]`` as written: one version; first and last day on which it holds."""

    model: str
    valid_from: date | None = None
    valid_to: date | None = None


class DataClassTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[data_class]]`` as written. Any jurisdiction is said in words: an empty list."""

    name: str
    jurisdictions: tuple[str, ...]
    level: str


class ConcentrationTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[concentration]]`` as written: the most that one provider or owner may have of something."""

    name: str
    dimension: str
    at_most: str
    by: str = "owner"
    of: str = ""
    rule: str = "soft"
    window_days: int = 30
