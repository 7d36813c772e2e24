"""What each numbered notebook takes as parameters and calls."""
