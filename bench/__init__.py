"""Speed, measured side by side: each script compares two ways in one run, see README.md."""
