"""The API's resources under `/v1`: a handler for each call, and what several of them share."""
