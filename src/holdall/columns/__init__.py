"""The values: batches of columns, from and to every kind of table; a library is imported only if it is there already."""
