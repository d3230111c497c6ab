"""The file rows: preparing, disk use, destroying, and fetching of templates."""
