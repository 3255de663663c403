-- Recounts all counters of an org from its events, to repair them. Reads every event, so it takes as long as there are
-- many; usage_move is for a boundary that has moved. The caller must hold the org's usage lock exclusively.
CREATE OR REPLACE FUNCTION usage_recount(org uuid, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM usage_drop_counters(org, at);
    UPDATE usage_counters c SET used = 0, unbilled = 0, events = 0, unsettled = NULL WHERE c.org_id = org;
    INSERT INTO usage_counters AS c (org_id, meter_id, period_start, used, unbilled, events)
    SELECT * FROM usage_counter_figures(ARRAY[org])
    ON CONFLICT (org_id, meter_id, period_start)
    DO UPDATE SET used = excluded.used, unbilled = excluded.unbilled, events = excluded.events;

    DELETE FROM usage_uniques u WHERE u.org_id = org;
    INSERT INTO usage_uniques (org_id, meter_id, period_start, value_hash, billable)
    SELECT * FROM usage_unique_figures(ARRAY[org]);
END $$;
