"""The sandbox: everything `make run` needs beside the product, started by `run`.

It and `app` never import each other: they meet over HTTP, SMTP, the environment and the command line.
"""
