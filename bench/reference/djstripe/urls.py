"""The webhook's address, as dj-stripe's installation page says."""

from django.urls import include, path

urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
