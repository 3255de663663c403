"""The WSGI entry point (`granian --interface wsgi wsgi:app`, or any other WSGI server), and the app for `flask`."""

import os

from app import cli
from app.factory import create_app
from app.settings import read_settings

commands = bool(os.environ.get("FLASK_RUN_FROM_CLI"))  # Flask's own mark
settings = read_settings(serving=None if commands else "DATABASE_URL")
app = create_app(settings.for_command() if commands else settings)
cli.register(app)
