-- What was used of a meter in a minute, hour or day?
CREATE OR REPLACE VIEW metering_windows AS
SELECT org_id, meter_id, span, starts_at, used FROM usage_windows;
