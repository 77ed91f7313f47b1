"""Trained models in memory: opened once, kept while they are used."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import msgspec

from rechenwerk.base.errors import DocumentError
from rechenwerk.documents.figures import find
from rechenwerk.documents.learning.classifier import Classifier, read_classifier
from rechenwerk.documents.learning.service import artefact_context
from rechenwerk.documents.learning.spans import Extractor, Found, read_extractor
from rechenwerk.documents.learning_ports import CLASSIFIER, Artefact, Learning
from rechenwerk.documents.values import Word
from rechenwerk.documents.vault import Vault

KEPT = 64
"""Models in memory."""


class OwnExtractor(msgspec.Struct, frozen=True):
    """An organisation's extractor, with figures as in training. Fills `extracting.ports.Trained`."""

    model: Extractor

    def find(self, text: str, words: Sequence[Word] = ()) -> list[Found]:
        """Values in a text; offsets are of the text."""
        return self.model.find(text, words, find)


class OwnModels:
    """The models of all organisations, each opened for its own only.

    Args:
        store: of trained models.
        vault: opens them.
    """

    def __init__(self, store: Learning, vault: Vault) -> None:
        self._store = store
        self._vault = vault
        self._loaded: OrderedDict[tuple[int, int, int], Classifier | Extractor] = OrderedDict()

    async def extractor(self, organisation_id: int, schema: str) -> OwnExtractor | None:
        """What the organisation trained for a schema; None where it trained nothing."""
        artefact = await self._store.active_extractor(organisation_id, schema)
        model = None if artefact is None else await self.load(organisation_id, artefact)
        return OwnExtractor(model) if isinstance(model, Extractor) else None

    async def load(self, organisation_id: int, artefact: Artefact) -> Classifier | Extractor:
        """A model; its bytes are fetched and opened the first time. Raises DocumentError: it is damaged."""
        key = (organisation_id, artefact.model_id, artefact.version)
        model = self._loaded.get(key)
        if model is None:
            sealed = await self._store.body(organisation_id, artefact)
            if sealed is None:
                raise DocumentError("the trained model was deleted meanwhile; ask again")
            data = self._vault.box.open_bytes(sealed, artefact_context(organisation_id, artefact.model_id))
            read = read_classifier if artefact.kind == CLASSIFIER else read_extractor
            model = self._loaded[key] = await asyncio.to_thread(read, data)
            while len(self._loaded) > KEPT:
                self._loaded.popitem(last=False)
        self._loaded.move_to_end(key)
        return model
