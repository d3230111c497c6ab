"""What instances' directories, template versions and drafts hold: listed, read, compared, and changed at rest."""
