"""The staff's pages play on the same stage as the customer's."""

from tests.portal.conftest import portal_stage, stage

__all__ = ["portal_stage", "stage"]
