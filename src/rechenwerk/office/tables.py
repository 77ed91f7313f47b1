"""The tables of rechenwerk.toml as written: their fields, with the types and defaults."""

from __future__ import annotations

import msgspec


class ProviderTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[provider]]`` as written."""

    name: str
    kind: str
    base_url: str = ""
    api_key_env: str | None = None


class ContractTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[contract]]`` as written."""

    name: str
    provider: str
    kind: str


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


class TariffTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[tariff]]`` as written."""

    model: str
    price: dict[str, str]


class DataClassTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A ``[[data_class]]`` as written. Any jurisdiction is said in words: an empty list."""

    name: str
    jurisdictions: tuple[str, ...]
    level: str
