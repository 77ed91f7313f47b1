"""Period close: documents of closed periods, their routes and renderings."""
