"""What Prometheus is told: counted by each process, or asked of the database at scrape time."""
