"""After one of database and Temporal has been restored: what only one of them knows, mended."""
