-- Terms that charged for usage in a period until its plan was changed.
CREATE OR REPLACE VIEW subscriptions_superseded AS
SELECT org_id, period_start, changed_at, meter_id, plan_version_id, allowance, charge_id FROM superseded_terms;
