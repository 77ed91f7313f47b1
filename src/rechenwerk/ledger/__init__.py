"""Double entry: accounts, prices, guards, postings; pure. Declares the Book it needs."""
