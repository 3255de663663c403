"""The plan receipt: terms as agreed and today's, and whether closed periods were billed by them. Only reads."""
