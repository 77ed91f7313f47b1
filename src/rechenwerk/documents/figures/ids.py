"""Check digits of IBANs and VAT ids. The algorithms are python-stdnum's; here is which of them apply."""

from __future__ import annotations

import re

import stdnum.ch.uid
import stdnum.eu.vat
import stdnum.gb.vat
import stdnum.iban

_NOISE = re.compile(r"[\s.\-/:]+")
_SWISS_TAIL = re.compile(r"(?:MWST|TVA|IVA|VAT)$")


def compact(number: str) -> str:
    """An IBAN or VAT id without spaces, points and dashes, in capitals: how it is stored."""
    return _NOISE.sub("", number).upper()


def iban_valid(number: str) -> bool:
    """Whether it is an IBAN.

    A country's length and form (SWIFT's registry), mod 97 (ISO 13616), and a country's own check digits where
    public (Belgium, Spain and others).
    """
    return bool(stdnum.iban.is_valid(compact(number)))


def vat_id_valid(number: str) -> bool:
    """Whether it is a VAT id of the European Union, Northern Ireland, the United Kingdom or Switzerland.

    The country's form, and check digits where the algorithm is public. That a number is well formed does not
    say that it was given to anybody (VIES says that; nothing is asked here).
    """
    short = compact(number)
    if short.startswith("CHE"):
        return bool(stdnum.ch.uid.is_valid(_SWISS_TAIL.sub("", short)))
    if short.startswith(("GB", "XI")):
        return bool(stdnum.gb.vat.is_valid("GB" + short[2:]))
    return bool(stdnum.eu.vat.is_valid(short))
