"""What the worker process does for the server: zips of reconstruct files. Heavy rooms are imported there, not here."""
