"""Keras 3, on TensorFlow or on PyTorch. Nothing at the top of these files imports Keras itself."""
