"""category_encoders: encoders that put a number, or several, in the place of a category."""
