"""The only importer of `stripe`: one client, our own small types and errors. Knows no org, plan or table."""

from app.stripe_gateway.gateway import Gateway

__all__ = ["Gateway"]
