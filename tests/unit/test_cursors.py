"""Orders and borders of lists as they are sent."""

from __future__ import annotations

import pytest

from rechenwerk.base.cursors import BY_ID, BY_TEXT, Order, order_of, write_cursor
from rechenwerk.base.errors import RefusedError

FIELDS = {"made_at": BY_ID, "name": BY_TEXT}


def test_an_order_begins_at_its_border() -> None:
    assert order_of("", "", FIELDS, "made_at") is None
    assert order_of("made_at", "7", FIELDS, "made_at") is None, "the list's own"
    border = write_cursor("-name", ("a", 3))
    assert order_of("-name", border, FIELDS, "made_at") == Order("name", down=True, after=("a", 3))


@pytest.mark.parametrize("sort", ["-", "price", "--name", "name "])
def test_no_field_is_one_line(sort: str) -> None:
    with pytest.raises(RefusedError) as caught:
        order_of(sort, "", FIELDS, "made_at")
    assert caught.value.refusal.status == 422
    assert "take one of made_at, name" in caught.value.refusal.message


@pytest.mark.parametrize(
    "border", ["7", "é", "W10", write_cursor("name", ("a", 3)), write_cursor("-name", (3, 3))]
)
def test_a_border_of_another_order_is_one_line(border: str) -> None:
    with pytest.raises(RefusedError, match="begin anew"):
        order_of("-name", border, FIELDS, "made_at")
