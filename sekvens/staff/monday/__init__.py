"""The Monday mail: what last week came to and what needs a person, told to the staff by e-mail."""
