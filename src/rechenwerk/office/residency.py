"""Where data may be processed, as an operator writes it: countries, groups of them, here."""

from __future__ import annotations

import difflib

from rechenwerk.routing.ports import GROUPS, LOCAL

_CODES = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT
BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH
ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT
HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS
LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI
NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG
SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG
UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2."""

PLACES = COUNTRIES | {"EU", LOCAL}
"""Where a deployment may be."""

ALLOWED = COUNTRIES | frozenset(GROUPS) | {LOCAL}
"""What a data class may allow."""


def place_fix(text: str, known: frozenset[str]) -> str:
    """How to mend a jurisdiction that is not known."""
    wrong = {"UK": "GB", "EL": "GR"}.get(text.upper(), text.upper())
    if wrong in known:
        return f"did you mean {wrong!r}?"
    if near := difflib.get_close_matches(text.lower(), [LOCAL], 1):
        return f"did you mean {near[0]!r}?"
    groups = ", ".join(repr(one) for one in sorted(known - COUNTRIES))
    return f"write two capital letters of ISO 3166, such as 'DE', or one of {groups}"
