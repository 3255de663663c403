"""A mail server for one machine: takes messages by SMTP, keeps them as files, shows them on a page. Sends none on."""
