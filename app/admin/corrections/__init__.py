"""Staff's page for correcting an organisation's usage: look an event up, see what its void changes, void it."""
