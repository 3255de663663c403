"""How the roll-ups are compared with the events below their watermark, one statement for each check.

Like every check, each returns org, what, kept, counted, and whether a row is stored, is counted, and differs.
"""

from __future__ import annotations

from sqlalchemy import TextClause, text

# Quantities and events of days and months.
_FIGURES = """
    SELECT org_id, format('%s, {said}%s %s %s', m.key, day, dimension, value) AS what,
           format('quantity %s, events %s', trim_scale(d.quantity), d.events) AS kept,
           format('quantity %s, events %s', trim_scale(f.quantity), f.events) AS counted,
           d.org_id IS NOT NULL AS is_kept, f.org_id IS NOT NULL AS is_counted,
           (coalesce(d.quantity, 0), coalesce(d.events, 0))
               <> (coalesce(f.quantity, 0), coalesce(f.events, 0)) AS differs
    FROM (SELECT org_id, {bucket} AS day, meter_id, dimension, value, quantity, events
          FROM {table} WHERE org_id = ANY (:orgs)) d
    FULL JOIN usage_figures('{bucket}', :orgs, NULL, '-infinity', 'infinity', :upto, :floor) f
        USING (org_id, day, meter_id, dimension, value)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id
"""
_DAYS = text(_FIGURES.format(said="", bucket="day", table="usage_days"))
_MONTHS = text(_FIGURES.format(said="month of ", bucket="month", table="usage_months"))
_VALUES = text("""
    SELECT org_id, format('%s, %s, value %s', m.key, day, encode(value_hash, 'hex')) AS what,
           'standing ' || v.standing AS kept, 'standing ' || f.standing AS counted,
           v.org_id IS NOT NULL AS is_kept, f.org_id IS NOT NULL AS is_counted,
           coalesce(v.standing, 0) <> coalesce(f.standing, 0) AS differs
    FROM (SELECT * FROM rollup_values WHERE org_id = ANY (:orgs)) v
    FULL JOIN rollup_value_figures(:orgs, :upto, :floor) f USING (org_id, meter_id, value_hash, day)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id
""")
_TOTALS = text("""
    SELECT CAST(NULL AS uuid) AS org_id, format('%s, %s %s %s', m.key, day, dimension, value) AS what,
           format('quantity %s, events %s', trim_scale(t.quantity), t.events) AS kept,
           format('quantity %s, events %s', trim_scale(f.quantity), f.events) AS counted,
           t.day IS NOT NULL AS is_kept, f.day IS NOT NULL AS is_counted,
           (coalesce(t.quantity, 0), coalesce(t.events, 0))
               <> (coalesce(f.quantity, 0), coalesce(f.events, 0)) AS differs
    FROM usage_totals t
    FULL JOIN (
        SELECT * FROM usage_total_figures(NULL, '-infinity', 'infinity', :upto, :floor)
        UNION ALL
        SELECT d.day, d.meter_id, d.dimension, d.value, sum(d.quantity), sum(d.events)::bigint
        FROM usage_days d JOIN catalog_meters u ON u.id = d.meter_id AND u.aggregation = 'unique'
        WHERE d.dimension IN ('', 'kind', 'provider', 'endpoint')
        GROUP BY 1, 2, 3, 4) f USING (day, meter_id, dimension, value)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id
""")
_USERS = text("""
    SELECT org_id, format('%s, month of %s, user %s, %s %s', m.key, month, subject_id, dimension, value) AS what,
           format('quantity %s, events %s, unbilled %s, free %s (%s events)', trim_scale(u.quantity), u.events,
                  trim_scale(u.unbilled), trim_scale(u.free), u.free_events) AS kept,
           format('quantity %s, events %s, unbilled %s, free %s (%s events)', trim_scale(f.quantity), f.events,
                  trim_scale(f.unbilled), trim_scale(f.free), f.free_events) AS counted,
           u.org_id IS NOT NULL AS is_kept, f.org_id IS NOT NULL AS is_counted,
           (coalesce(u.quantity, 0), coalesce(u.events, 0), coalesce(u.unbilled, 0), coalesce(u.free, 0),
            coalesce(u.free_events, 0))
           <> (coalesce(f.quantity, 0), coalesce(f.events, 0), coalesce(f.unbilled, 0), coalesce(f.free, 0),
               coalesce(f.free_events, 0)) AS differs
    FROM (SELECT * FROM usage_user_months WHERE org_id = ANY (:orgs)) u
    FULL JOIN usage_user_figures(:orgs, :upto, :floor) f USING (org_id, subject_id, month, meter_id, dimension, value)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id
""")
_ACTIVE = text("""
    SELECT org_id, format('month of %s, %s', month, CASE subject_id WHEN org_id THEN 'organisation'
                                                                    ELSE 'user ' || subject_id END) AS what,
           format('days %s', k.days::bit(31)) AS kept, format('days %s', f.days::bit(31)) AS counted,
           k.org_id IS NOT NULL AS is_kept, f.org_id IS NOT NULL AS is_counted,
           coalesce(k.days, 0) <> coalesce(f.days, 0) AS differs
    FROM (SELECT * FROM usage_active_months WHERE org_id = ANY (:orgs)) k
    FULL JOIN usage_active_figures(:orgs, :upto, :floor) f USING (org_id, subject_id, month)
""")
# From what is kept of each org, which the check before this one compares with the events.
_ACTIVE_COUNTS = text("""
    SELECT CAST(NULL AS uuid) AS org_id,
           format('%s %s, %s, active %s before', bucket, starts_on,
                  CASE WHEN is_user THEN 'users' ELSE 'organisations' END, gap) AS what,
           'number ' || c.active AS kept, 'number ' || f.active AS counted,
           c.bucket IS NOT NULL AS is_kept, f.bucket IS NOT NULL AS is_counted,
           coalesce(c.active, 0) <> coalesce(f.active, 0) AS differs
    FROM usage_active_counts c FULL JOIN rollup_active_counts(NULL) f USING (bucket, starts_on, is_user, gap)
""")
# Parts and histograms of days, months and totals.
_PARTS = """
    SELECT {org} AS org_id, format('%s, {bucket}%s %s %s', m.key, day, dimension, value) AS what,
           {kept} AS kept, {counted} AS counted, k.day IS NOT NULL AS is_kept, f.day IS NOT NULL AS is_counted,
           ({kept_row}) <> ({counted_row}) AS differs
    FROM {table} k FULL JOIN {figures} f USING ({key}day, meter_id, dimension, value)
    JOIN (SELECT id, key FROM catalog_meters) m ON m.id = meter_id
"""


def _parts(bucket: str, table: str, figures: str, *, key: str = "org_id, ", org: str = "org_id") -> TextClause:
    names = ("unbilled", "free", "free_events", "responses", "latency", "sizes")
    said = {
        side: "format('unbilled %s, free %s (%s events), responses %s, latency %s, sizes %s', "
        + ", ".join(f"trim_scale({side}.{name})" for name in names)
        + ")"
        for side in "kf"
    }
    rows = {side: ", ".join(f"coalesce({side}.{name}, 0)" for name in names) for side in "kf"}
    return text(
        _PARTS.format(
            org=org,
            bucket=bucket,
            table=table,
            figures=figures,
            key=key,
            kept=said["k"],
            counted=said["f"],
            kept_row=rows["k"],
            counted_row=rows["f"],
        )
    )


_PARTS_OF_DAYS = _parts(
    "", "(SELECT * FROM usage_days WHERE org_id = ANY (:orgs))", "usage_measures('day', :orgs, :upto, :floor)"
)
_PARTS_OF_MONTHS = _parts(
    "month of ",
    "(SELECT u.*, u.month AS day FROM usage_months u WHERE u.org_id = ANY (:orgs))",
    "usage_measures('month', :orgs, :upto, :floor)",
)
_PARTS_OF_TOTALS = _parts("", "usage_totals", "usage_total_measures(:upto, :floor)", key="", org="CAST(NULL AS uuid)")
ROLLED = {
    "days": _DAYS, "months": _MONTHS, "values by day": _VALUES, "parts of days": _PARTS_OF_DAYS,
    "parts of months": _PARTS_OF_MONTHS, "months by user": _USERS, "active days": _ACTIVE,
}  # fmt: skip
TOTALS = {"totals": _TOTALS, "parts of totals": _PARTS_OF_TOTALS, "active counts": _ACTIVE_COUNTS}
