"""What makes a book of the project: its chapters gathered in one folder, and small extensions of Sphinx."""
