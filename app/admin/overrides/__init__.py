"""Staff agree values with an organisation in place of its plan's."""
