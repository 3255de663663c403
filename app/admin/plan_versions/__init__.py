"""Staff's view of plans: their versions, who is on which, how versions differ; drafts and their publication."""
