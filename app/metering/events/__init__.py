"""Events as they were recorded: listed, filtered, written to files, behind a line of an invoice, late."""
