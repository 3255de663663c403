"""A local mail server: receives messages by SMTP, stores them as files, shows them on a page. Forwards nothing."""
