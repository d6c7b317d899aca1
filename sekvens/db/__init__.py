"""The database: facts. Tables are declared beside their noun; this package only connects."""
