"""What an organisation was billed, as FOCUS 1.2 rows: a file of an invoice or of a month, for pages and API.

FOCUS is the FinOps Open Cost and Usage Specification, https://focus.finops.org; decision 71 says how we read it. Rows
come from stored lines and mirrored invoices. Must not rate anything anew.
"""
