"""Who works with documents, and what is in his reach: the wall as seen from a route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from fastapi import Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from rechenwerk.documents.job_ports import Document, DocumentDesk, Job, JobKind
from rechenwerk.documents.office_ports import DocumentOffice, Visitor
from rechenwerk.documents.refusing import missing, refuse
from rechenwerk.documents.schemas import Schema

_BEARER = HTTPBearer(auto_error=False, description="a key with the scope documents")


class Realm(msgspec.Struct, frozen=True):
    """The organisation that a request works in, and who works."""

    office: DocumentOffice
    visitor: Visitor

    @property
    def desk(self) -> DocumentDesk:
        """Storage."""
        return self.office.desk

    @property
    def organisation_id(self) -> int:
        """Whose documents."""
        return self.visitor.organisation_id

    async def job(self, job_id: int) -> Job:
        """A job of this organisation."""
        found = await self.desk.jobs.job(self.organisation_id, job_id)
        if found is None:
            raise missing("job", job_id)
        return found

    async def document(self, document_id: int) -> Document:
        """A document of this organisation."""
        found = await self.desk.files.document(self.organisation_id, document_id)
        if found is None:
            raise missing("document", document_id)
        return found

    async def schema(self, name: str) -> tuple[Schema, int]:
        """A schema by its name and version: the organisation's newest, else a ready one (version 0)."""
        found = await self.desk.schemas.schema(self.organisation_id, name, None)
        if found is not None:
            return found.schema, found.version
        ready = self.office.ready.get(name)
        if ready is None:
            own = await self.desk.schemas.schemas(self.organisation_id)
            names = sorted({*self.office.ready, *(one.schema.name for one in own)})
            raise refuse(
                404,
                f"there is no schema {name!r}; there are {', '.join(names)}",
                "schema_not_found",
                "schema",
            )
        return ready, 0

    async def kinds(self, names: Sequence[str]) -> tuple[JobKind, ...]:
        """The schemas of these names; for none all that there are, the organisation's own first."""
        if names:
            return tuple([JobKind(*await self.schema(name)) for name in dict.fromkeys(names)])
        own = await self.desk.schemas.schemas(self.organisation_id)
        replaced = {one.schema.name for one in own}
        ready = [JobKind(one) for name, one in self.office.ready.items() if name not in replaced]
        return (*(JobKind(one.schema, one.version) for one in own), *ready)


async def _visit(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    organisation: Annotated[
        str | None, Query(description="another organisation; only for the scope operator", max_length=100)
    ] = None,
) -> Realm:
    office: DocumentOffice = request.app.state.documents
    key = None if credentials is None else credentials.credentials
    return Realm(office, await office.reception.visitor(key, organisation))


DocumentsRealm = Annotated[Realm, Depends(_visit)]
