"""Makes a package of a folder of tests, which import each other by relative names."""
