"""Live outputs: the newest frame of a face, sent to other programs in their own formats."""
