-- Returns an org's usage over whole days, one figure per meter and value. Unique values are counted over the whole
-- range.
CREATE OR REPLACE FUNCTION usage_breakdown(
    org uuid, first date, last date, since timestamptz, until timestamptz, wanted text)
RETURNS TABLE (meter_id integer, value text, quantity numeric, events bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    uniques CONSTANT integer[] := ARRAY(SELECT m.id FROM catalog_meters m WHERE m.aggregation = 'unique');
    zone CONSTANT text := (SELECT coalesce(r.time_zone, o.time_zone)
                           FROM accounts_orgs o LEFT JOIN rollup_orgs r ON r.org_id = o.id WHERE o.id = org);
BEGIN
    RETURN QUERY
    SELECT s.meter_id, s.value, CASE WHEN m.aggregation = 'max' THEN max(s.quantity) ELSE sum(s.quantity) END,
           sum(s.events)::bigint
    FROM usage_series('day', org, first, last, since, until, wanted) s
    JOIN catalog_meters m ON m.id = s.meter_id AND m.aggregation <> 'unique'
    GROUP BY s.meter_id, s.value, m.aggregation;
    IF cardinality(uniques) > 0 THEN
        RETURN QUERY
        SELECT f.meter_id, f.value, f.quantity, f.events
        FROM usage_figures('range', ARRAY[org], uniques, greatest(since, usage_midnight(first, zone)),
                           least(until, usage_midnight(last + 1, zone)), 9223372036854775807, 0) f
        WHERE f.dimension = wanted;
    END IF;
END $$;
