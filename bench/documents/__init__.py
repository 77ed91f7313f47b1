"""Truth for documents: generators of documents whose content is known, and what is measured with them."""
