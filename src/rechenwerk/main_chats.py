"""Chat on the office: the gateway that it asks, who reads the files that people bring; mounted on its app."""

from __future__ import annotations

import asyncpg
import httpx2
from fastapi import FastAPI

from rechenwerk.main_documents_viewer import LazyViewer
from rechenwerk.office.chats.asking import Gateway
from rechenwerk.office.chats.desk import ChatOffice
from rechenwerk.office.chats.routes import chat_routes
from rechenwerk.office.chats.running import Runs
from rechenwerk.office.joining import join
from rechenwerk.store.chats import StoredChats


def mount_chats(app: FastAPI, pool: asyncpg.Pool, url: str, reader: LazyViewer) -> ChatOffice:
    """Put the routes of chat on the office's app.

    Args:
        app: the office's.
        pool: connections to the installation's database.
        url: of the public gateway.
        reader: makes text of files, in a process of its own.
    """
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=20)
    gateway = Gateway(httpx2.AsyncClient(trust_env=False, limits=limits), url)
    chats = ChatOffice(StoredChats(pool), gateway, Runs(gateway), reader)
    app.state.chats = chats
    join(app, chat_routes())
    return chats
