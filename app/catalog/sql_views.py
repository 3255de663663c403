"""The catalogue's views as other rooms' statements join them; their SQL is in `migrations/functions/catalog/views`."""

from __future__ import annotations

from sqlalchemy import Integer, Text, Uuid, column, table

METERS = table("catalog_meters", column("id", Integer), column("key", Text), column("name", Text), column("unit", Text))
VERSIONS = table(
    "catalog_versions",
    column("id", Uuid),
    column("number", Integer),
    column("plan_id", Uuid),
    column("plan_key", Text),
    column("plan_name", Text),
)
NEWEST = table("catalog_newest", column("plan_id", Uuid), column("version_id", Uuid), column("number", Integer))
