"""One script a figure, each side by side with the alternative in one run, printing a ratio. `make bench` runs them all."""
