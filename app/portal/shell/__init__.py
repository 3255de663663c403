"""What the customer's pages share: who looks, whom to ask, addresses, hints, the banner. Knows no package beside it."""
