"""The webhook's URL, as in dj-stripe's documentation."""

from django.urls import include, path

urlpatterns = [path("stripe/", include("djstripe.urls", namespace="djstripe"))]
