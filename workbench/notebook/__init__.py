"""Where people meet the workbench: magics, live views, the background loop they run on."""
