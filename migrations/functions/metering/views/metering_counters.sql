-- Usage per meter and usage period.
CREATE OR REPLACE VIEW metering_counters AS
SELECT org_id, meter_id, period_start, used, reserved, unbilled FROM usage_counters;
