"""What an exported page is made of: files that are written as they are. They load nothing from elsewhere."""
