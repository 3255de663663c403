-- Terms in force per usage period and meter. No row, or one past its `valid_until`: unresolved, never unlimited.
CREATE OR REPLACE VIEW subscriptions_terms AS
SELECT org_id, meter_id, period_start, mentioned, policy, allowance, hard_limit, cap, per_minute, per_hour, per_day,
       charge_id, sources, valid_until
FROM terms_in_force;
