"""Takes: performances as files. Recording, reading, trimming, playing, and writing them in other programs' formats."""
