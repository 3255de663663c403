-- Returns an org's use of a meter that adds up, by day of its zone and value of a dimension (`wanted`; '' for the total,
-- NULL where an event names none), of the events that name, for each dimension in `filters`, the value in `picked`
-- (NULL: that name none). Roll-ups are kept by one dimension at a time, so this reads events: those of the org from
-- `earlier` to `last` if they are `most` at most, else those from `first`, else nothing. `since` and `until`, where
-- given, cut into the days from `first` on. The first row names the first day that was read; none: there are too many.
CREATE OR REPLACE FUNCTION usage_filtered(
    org uuid, meter integer, earlier date, first date, last date, since timestamptz, until timestamptz, wanted text,
    filters text[], picked text[], most integer)
RETURNS TABLE (read_from date, day date, value text, quantity numeric, events bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    known CONSTANT text[] := '{kind,provider,endpoint,user,client,key,language,format,attempt,status,hour}';
    zone CONSTANT text := (SELECT coalesce(r.time_zone, o.time_zone)
                           FROM accounts_orgs o LEFT JOIN rollup_orgs r ON r.org_id = o.id WHERE o.id = org);
    ends CONSTANT timestamptz := usage_midnight(last + 1, zone);
    conditions text;
    grouped text;
    found bigint;
BEGIN
    IF NOT (filters || wanted) <@ (known || ''::text) THEN
        RAISE EXCEPTION 'no events are kept by %', filters || wanted;
    END IF;
    FOREACH read_from IN ARRAY ARRAY[earlier, first] LOOP
        SELECT count(*) INTO found FROM (
            SELECT FROM usage_events e
            WHERE e.org_id = org AND e.occurred_at >= usage_midnight(read_from, zone) AND e.occurred_at < ends
            LIMIT most + 1) few;
        EXIT WHEN found <= most;
    END LOOP;
    IF found > most THEN
        RETURN;
    END IF;
    RETURN NEXT;
    SELECT string_agg(format(' AND %s IS NOT DISTINCT FROM %L',
                             CASE f.name WHEN 'hour' THEN 'to_char(c.local_at, ''HH24'')' ELSE format('c.%I', f.name) END,
                             f.value), '')
    INTO conditions FROM unnest(filters, picked) f (name, value);
    grouped := CASE wanted WHEN '' THEN 'NULL' WHEN 'hour' THEN 'to_char(c.local_at, ''HH24'')'
                           ELSE format('c.%I', wanted) END;
    RETURN QUERY EXECUTE format(
        'SELECT NULL::date, c.local_at::date, %s::text, sum(c.amount), count(*) FROM usage_counted c'
        ' WHERE c.org_id = $1 AND c.meter_id = $2 AND c.occurred_at >= $3 AND c.occurred_at < $4'
        ' AND (c.local_at::date < $5 OR c.occurred_at >= $6 AND c.occurred_at < $7)%s GROUP BY 2, 3',
        grouped, coalesce(conditions, ''))
    USING org, meter, usage_midnight(read_from, zone), ends, first, coalesce(since, '-infinity'),
          coalesce(until, 'infinity');
END $$;
