"""The WSGI entry point (`granian --interface wsgi wsgi:app`, or any other WSGI server), and the app for `flask`."""

from app import cli
from app.factory import create_app
from app.settings import read_settings

app = create_app(read_settings())
cli.register(app)
