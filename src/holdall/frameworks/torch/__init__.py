"""PyTorch: modules, scripts and exported programs. Nothing at the top of these files imports torch itself."""
