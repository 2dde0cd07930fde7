"""The calls of a comparison as bars in lanes, while they run and afterwards."""
