"""Values of a document by a schema: candidates beside labels, trained extractors, questions to a model.

Nothing leaves this part unchecked: see `documents.checking`.
"""
