"""Hugging Face Transformers and sentence-transformers. Nothing at the top of these files imports either, nor torch."""
