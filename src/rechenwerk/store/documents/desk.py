"""All storage of documents over one pool. Fills `documents.job_ports.DocumentDesk`."""

from __future__ import annotations

import asyncpg

from rechenwerk.documents.job_ports import DocumentDesk
from rechenwerk.documents.sealing_ports import Seal
from rechenwerk.store.documents.clashes import StoredClashes
from rechenwerk.store.documents.files import StoredFiles
from rechenwerk.store.documents.jobs import StoredJobs
from rechenwerk.store.documents.known import StoredKnown
from rechenwerk.store.documents.notices import StoredNotices
from rechenwerk.store.documents.queue import StoredQueue
from rechenwerk.store.documents.reviews import StoredReviews
from rechenwerk.store.documents.schemas import StoredSchemas


def open_documents(pool: asyncpg.Pool, seal: Seal) -> DocumentDesk:
    """Jobs, files, the queue, values, schemas, webhooks, contradictions, known entities.

    Args:
        pool: connections to the installation's database.
        seal: of what documents say.
    """
    return DocumentDesk(
        StoredJobs(pool),
        StoredFiles(pool),
        StoredQueue(pool, seal),
        StoredReviews(pool, seal),
        StoredSchemas(pool),
        StoredNotices(pool),
        StoredClashes(pool, seal),
        StoredKnown(pool, seal),
    )
