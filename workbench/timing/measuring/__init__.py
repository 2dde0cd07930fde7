"""Ways to run the same thing, measured in rounds; how sure their differences are, and what follows."""
