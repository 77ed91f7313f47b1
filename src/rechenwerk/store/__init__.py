"""PostgreSQL behind the protocols that the pure rooms declare; migrations."""
