"""The notebook interface: magics, live views, and handles of the runs started there."""
