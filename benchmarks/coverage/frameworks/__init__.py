"""What is measured of every framework: one file each, with its `CASES`."""
