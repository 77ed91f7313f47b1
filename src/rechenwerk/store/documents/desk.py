"""All storage of documents over one pool. Fills `documents.job_ports.DocumentDesk`."""

from __future__ import annotations

import asyncpg

from rechenwerk.documents.job_ports import DocumentDesk
from rechenwerk.store.documents.files import StoredFiles
from rechenwerk.store.documents.jobs import StoredJobs
from rechenwerk.store.documents.notices import StoredNotices
from rechenwerk.store.documents.queue import StoredQueue
from rechenwerk.store.documents.reviews import StoredReviews
from rechenwerk.store.documents.schemas import StoredSchemas


def open_documents(pool: asyncpg.Pool) -> DocumentDesk:
    """Jobs, files, the queue, values, schemas and webhooks."""
    return DocumentDesk(
        StoredJobs(pool),
        StoredFiles(pool),
        StoredQueue(pool),
        StoredReviews(pool),
        StoredSchemas(pool),
        StoredNotices(pool),
    )
