"""A part of a long list: searched, sorted and cut by the database, as `office.paging` does it in memory."""

from __future__ import annotations

from collections.abc import Mapping

from rechenwerk.office.part_ports import Cut


def folded(text: str) -> str:
    """SQL for text without its cases, as Python's `casefold` has what people write."""
    return f"replace(lower({text}), 'ß', 'ss')"


def has_words(text: str, words: str) -> str:
    """SQL for whether all words of an array, casefolded, stand in a text.

    Args:
        text: SQL for it; never null.
        words: SQL for the array.
    """
    return f"not exists (select from unnest({words}) word where position(word in {folded(text)}) = 0)"


def by_text(text: str) -> str:
    """SQL to sort by a text: without its cases, by code points; an empty one is null."""
    return f"nullif({folded(text)}, '') collate \"C\""


def part_of(fitting: str, orders: Mapping[str, str], natural: str, wanted: Cut) -> str:
    """SQL for the rows of a part, each with `total`: how many fit.

    There is always a row, so that `total` is known; where the part is empty its `place` is null.

    Args:
        fitting: SQL of all rows that fit.
        orders: field -> SQL that it is sorted by; null stands last, whichever way.
        natural: SQL of the list's own order, which decides between equal ones too.
        wanted: the part, its sort one of `orders`.
    """
    first = f"{orders[wanted.sort]} {'desc' if wanted.down else 'asc'} nulls last, " if wanted.sort else ""
    most = "all" if wanted.limit is None else str(wanted.limit)
    return f"""
with fitting as materialized ({fitting}),
shown as (select f.*, row_number() over (order by {first}{natural}) as place from fitting f
    order by place limit {most} offset {wanted.after})
select (select count(*) from fitting) as total, s.* from (values (1)) one left join shown s on true
order by s.place
"""  # noqa: S608 - our own words and counts, no one else's
