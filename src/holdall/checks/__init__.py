"""One file per check; each gives a report and changes no digest."""
