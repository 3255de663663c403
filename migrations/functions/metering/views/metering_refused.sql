-- The quantity that limits refused, by meter and hour; kept for 30 days.
CREATE OR REPLACE VIEW metering_refused AS
SELECT org_id, meter_id, hour, quantity FROM refused_quota;
