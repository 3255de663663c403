-- Allowance, policy and limits per plan version and meter.
CREATE OR REPLACE VIEW catalog_allowances AS
SELECT plan_version_id, meter_id, allowance, policy, hard_limit, per_minute, per_hour, per_day
FROM plan_meters;
