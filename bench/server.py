"""The portal with two extra views: one that does nothing, and one that meters usage naively."""

from app.factory import create_app
from app.factory.access import ACCESS
from app.factory.rules import PUBLIC
from app.settings import read_settings
from bench.reference import naive

app = create_app(read_settings())
app.register_blueprint(naive.pages)
app.extensions["csrf"].exempt(naive.pages)
ACCESS.update({"bench.null": ACCESS["metering_api.check_usage"], "bench.naive": PUBLIC})
