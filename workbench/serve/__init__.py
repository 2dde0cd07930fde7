"""Chains over HTTP: ``add_routes`` and ``workbench serve`` on one side, ``RemoteRunnable`` on the other.

The wire is LangServe's: its clients can call what is served here, and ``RemoteRunnable`` what it serves.
Where both ends are ours they agree, by a header, on more (see ``wire``).
"""
