"""The Brain: the control plane that knows every node, template and instance."""
