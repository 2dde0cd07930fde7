"""The document of running chains: its state, its frames, and how other sources of runs become one."""
