"""The simulator: flows driven without Temporal, a database or waiting."""
