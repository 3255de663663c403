"""Usage over time as a page, CSV and API. Imports no other page package."""
