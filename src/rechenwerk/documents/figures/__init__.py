"""Numbers, money, percentages, dates, periods and durations, German and English, exact.

`find` gives every figure of a text, `read` the one figure that a quote is. What cannot be told is no figure.
"""

from rechenwerk.documents.figures.finding import find, read
from rechenwerk.documents.figures.ids import compact, iban_valid, vat_id_valid
from rechenwerk.documents.figures.style import Style, style_of

__all__ = ["Style", "compact", "find", "iban_valid", "read", "style_of", "vat_id_valid"]
