-- Usage per meter and usage period: `billable` takes room and is priced, `unbilled` is what imports brought.
CREATE OR REPLACE VIEW metering_counters AS
SELECT org_id, meter_id, period_start, used, reserved, unbilled, billable, events, unsettled FROM usage_counters;
