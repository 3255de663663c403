-- Adds some orgs' unique values by day to the totals for staff (weight 1), or subtracts them (-1), around a rebuild.
CREATE OR REPLACE FUNCTION rollup_add_unique_totals(orgs uuid[], weight integer) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO usage_totals AS t (day, meter_id, dimension, value, quantity, events)
    SELECT d.day, d.meter_id, d.dimension, d.value, weight * sum(d.quantity), weight * sum(d.events)
    FROM usage_days d JOIN catalog_meters m ON m.id = d.meter_id AND m.aggregation = 'unique'
    WHERE d.dimension IN ('', 'kind', 'provider', 'endpoint') AND (orgs IS NULL OR d.org_id = ANY (orgs))
    GROUP BY 1, 2, 3, 4
    ON CONFLICT (day, dimension, meter_id, value)
    DO UPDATE SET quantity = t.quantity + excluded.quantity, events = t.events + excluded.events
$$;
