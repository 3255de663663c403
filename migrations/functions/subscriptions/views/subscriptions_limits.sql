-- Limits in force per usage period and meter.
CREATE OR REPLACE VIEW subscriptions_limits AS
SELECT org_id, meter_id, period_start, allowance, policy, hard_limit, per_minute, per_hour, per_day
FROM limits_in_force;
