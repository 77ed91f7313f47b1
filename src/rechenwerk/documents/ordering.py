"""How a list of documents is asked for in another order, and where a page of it begins."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from rechenwerk.base.cursors import LONGEST

Sort = Annotated[str, Query(max_length=40, description="a field; with a minus before it the other way round")]
Border = Annotated[
    str,
    Query(max_length=LONGEST, pattern=r"^[A-Za-z0-9_.\-]*$", description="`next` of the answer before"),
]
