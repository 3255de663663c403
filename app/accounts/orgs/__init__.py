"""Organisations and their people: members, invitations, roles, clients, suspension. Knows nothing of passwords."""
