"""Routes of templates: questions with places to fill in, one's own or the organisation's."""

from __future__ import annotations

import re

from fastapi import APIRouter

from rechenwerk.office.chats import bodies
from rechenwerk.office.chats.desk import ChatDesk, Desk, RowId
from rechenwerk.office.chats.ports import TemplateRow
from rechenwerk.office.errors import missing, refuse

_PLACE = re.compile(r"\{\{\s*([^{}\s][^{}\n]{0,60}?)\s*\}\}")


def places(text: str) -> list[str]:
    """The names in {{braces}}, each once, in their order."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def _view(desk: Desk, row: TemplateRow) -> bodies.TemplateView:
    sample = desk.seal.open_template(row.id, row.sealed)
    return bodies.TemplateView(
        id=row.id,
        name=sample.name,
        text=sample.text,
        shared=row.shared,
        mine=row.mine,
        owner=row.owner,
        placeholders=places(sample.text),
    )


async def list_templates(desk: ChatDesk) -> bodies.TemplatesView:
    """One's own, and those that others share in the organisation."""
    rows = await desk.chats.store.templates(desk.whose)
    return bodies.TemplatesView(templates=[_view(desk, one) for one in rows])


async def _kept(desk: Desk, number: int, body: bodies.TemplateBody) -> bodies.TemplateView:
    sealed = desk.seal.template(number, body.name, body.text)
    if not await desk.chats.store.keep_template(desk.whose, number, sealed, body.shared, desk.now):
        raise refuse(403, "this template is somebody else's; make one of your own", "read_only")
    rows = await desk.chats.store.templates(desk.whose)
    return next(_view(desk, one) for one in rows if one.id == number)


async def make_template(desk: ChatDesk, body: bodies.TemplateBody) -> bodies.TemplateView:
    """A new template."""
    (number,) = await desk.chats.store.ids(1)
    return await _kept(desk, number, body)


async def _found(desk: Desk, template: int) -> None:
    rows = await desk.chats.store.templates(desk.whose)
    if all(one.id != template for one in rows):
        raise missing("template", str(template))


async def change_template(desk: ChatDesk, template: RowId, body: bodies.TemplateBody) -> bodies.TemplateView:
    """Another name, another text; shared or not."""
    await _found(desk, template)
    return await _kept(desk, template, body)


async def delete_template(desk: ChatDesk, template: RowId) -> bodies.DoneView:
    """Delete an own one."""
    await _found(desk, template)
    if not await desk.chats.store.drop_template(desk.whose, template):
        raise refuse(403, "this template is somebody else's", "read_only")
    return bodies.DoneView(done="template deleted")


def add_template_routes(router: APIRouter) -> None:
    """Join the routes of this page to the API."""
    add = router.add_api_route
    add("/chat-templates", list_templates, methods=["GET"], tags=["chat"])
    add("/chat-templates", make_template, methods=["POST"], status_code=201, tags=["chat"])
    add("/chat-templates/{template}", change_template, methods=["PUT"], tags=["chat"])
    add("/chat-templates/{template}", delete_template, methods=["DELETE"], tags=["chat"])
