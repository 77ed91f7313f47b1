"""Service tiers: a request's wish in each provider's words, and what an answer says was served.

Sources: the types of OpenAI's SDK (``service_tier``: default, flex, scale, priority; ``fast`` means
priority), of Groq's (``on_demand``, ``flex``, ``performance``), of Anthropic's (a request says ``auto`` or
``standard_only``, usage says ``standard``, ``priority`` or ``batch``), the service model of bedrock-runtime
(``serviceTier.type``: default, flex, priority, reserved), the types of Google's SDK (``serviceTier``, and in
the usage ``serviceTier`` or ``trafficType``).
"""

from __future__ import annotations

from types import MappingProxyType

STANDARD = "standard"
"""The tier of a call that asks for none."""
DEDICATED = "dedicated"
"""Served by capacity that was bought."""

_TIERS = MappingProxyType(
    {
        "default": STANDARD,
        "on_demand": STANDARD,
        "standard_only": STANDARD,
        "fast": "priority",
        "on_demand_priority": "priority",
        "on_demand_flex": "flex",
        "on_demand_offpeak": "offpeak",
        "provisioned_throughput": DEDICATED,
        "auto": "",
        "unspecified": "",
        "traffic_type_unspecified": "",
    }
)
"""Providers' words for tiers; any other word is the tier's own name."""

_LONGEST = 40


def tier_of(word: object) -> str:
    """The service tier that a word of a client or provider means; empty when it means none."""
    if not isinstance(word, str) or len(word) > _LONGEST:
        return ""
    plain = word.strip().lower()
    return _TIERS.get(plain, plain)


def tier_in(said: object) -> str:
    """The tier in Bedrock's ``serviceTier`` object."""
    return tier_of(said.get("type")) if isinstance(said, dict) else ""
