"""Files from elsewhere: read row by row, each row accepted or rejected with its line and reason."""
