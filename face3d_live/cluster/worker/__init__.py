"""A worker: a Ray actor that owns a process with a whole live server, and the client that the controller has of it."""
