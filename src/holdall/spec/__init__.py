"""The words: frozen values and their JSON. Standard library and msgspec only; every part may share these and nothing else."""
