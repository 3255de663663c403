-- Usage per meter in minute, hour and day windows.
CREATE OR REPLACE VIEW metering_windows AS
SELECT org_id, meter_id, span, starts_at, used FROM usage_windows;
