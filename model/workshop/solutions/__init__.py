"""One file a part of the workshop: a solution of each exercise, under the exercise's name."""
