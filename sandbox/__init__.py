"""The sandbox: what a newcomer's machine needs beside the product. `run` starts everything, `mailbox` catches the mail.

It imports nothing of `app`, and `app` nothing of it: they meet over HTTP, SMTP, the environment and the command line.
"""
