"""Orgs and who belongs to them: members, invitations, roles, clients, suspension. Knows no password."""
