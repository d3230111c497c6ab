"""Files of instances, of template versions and of drafts. The Brain holds none of them: nodes answer."""
