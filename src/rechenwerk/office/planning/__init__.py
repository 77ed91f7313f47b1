"""Plans of an organisation: kept, calculated in processes of their own, and asked."""
