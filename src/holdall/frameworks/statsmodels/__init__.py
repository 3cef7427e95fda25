"""statsmodels: fitted results whose `predict` takes rows. Nothing here imports statsmodels itself."""
