"""Reading glTF 2.0 files of strangers: container, buffers, accessors, every value and bound checked."""
