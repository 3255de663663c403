"""Creates the tables, and the rows that its admin makes for an account, a key and an endpoint; nothing is fetched."""

import os

import django
from django.core.management import call_command

django.setup()
call_command("migrate", verbosity=0)

from djstripe.models import Account, APIKey, WebhookEndpoint  # noqa: E402  (models can be imported only now)

account = Account.objects.create(id="acct_bench", livemode=False)
APIKey.objects.create(
    secret=os.environ["STRIPE_SECRET_KEY"], type="secret", livemode=False, djstripe_owner_account=account
)
WebhookEndpoint.objects.create(
    id="we_bench", livemode=False, djstripe_owner_account=account, enabled_events=["*"], status="enabled",
    api_version="2026-10-28.endive", secret=os.environ["STRIPE_WEBHOOK_SECRETS"], url="https://bench.example/stripe",
    djstripe_uuid=os.environ["BENCH_ENDPOINT"],
)  # fmt: skip
