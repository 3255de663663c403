-- Moves usage between an org's counters after period boundaries from `since` on have moved. Reads the events of each old
-- period except those of its longest part (usage_moved_parts), for values once more. A maximum and unique values for
-- which this is too little are marked `unsettled` with this transaction, and counted anew afterwards.
--
-- Until then the period's limit holds: a maximum admits an event by the event alone, and unique values are never too few.
-- A value in doubt takes no room in windows. Reservations are kept; those of a removed period move to the period that
-- contains `at`. Windows stay: they belong to the clock. The caller must hold the org's usage lock exclusively.
CREATE OR REPLACE FUNCTION usage_move(org uuid, since timestamptz, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usage_move_values(org, since, at);
    INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events, unsettled)
    SELECT org, f.meter_id, f.period_start, f.used, f.used - f.billable, f.events,
           CASE WHEN f.unsure THEN pg_current_xact_id()::text::bigint END
    FROM usage_moved_figures(org, since, at) f
    ON CONFLICT (org_id, meter_id, period_start) DO UPDATE SET used = excluded.used, unbilled = excluded.unbilled,
        events = excluded.events, unsettled = excluded.unsettled;
    PERFORM usage_drop_counters(org, at);
END $$;
