"""The books in formats that others read and verify: values in, lines out; pure."""
