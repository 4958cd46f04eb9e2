"""Takes: recorded facial performances as files. Recording, reading, trimming, and exporting to other formats."""
