"""An open checkout session, from its page to the subscription that it starts."""
