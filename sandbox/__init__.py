"""The sandbox: everything `make run` needs besides the product. Started by `run`.

The sandbox and `app` never import each other: they communicate over HTTP, SMTP, environment variables and commands.
"""
