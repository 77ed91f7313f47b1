"""Whether a value is proven by the document that it is said to come from: docs/extraction.md."""
