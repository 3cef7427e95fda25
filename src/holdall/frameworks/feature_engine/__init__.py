"""feature-engine: transformers that change some columns of a data frame and leave the others as they are."""
