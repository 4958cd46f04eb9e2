"""Wire formats, one per file: values in, bytes or text out, and back. No sockets, no clocks, no threads."""
