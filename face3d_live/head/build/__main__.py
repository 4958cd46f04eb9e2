"""`python -m face3d_live.head.build`: see `assemble`."""

from face3d_live.head.build.assemble import main

main()
