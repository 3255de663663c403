"""Pay for overage: an organisation's agreement to pay for usage above the allowance of a plan without a fee."""
