"""Staff read the emails that were sent and send one again that failed. Never shows a body: it holds sign-in links."""
