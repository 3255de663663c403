-- From when to when does a usage period run, on which plan version?
CREATE OR REPLACE VIEW subscriptions_periods AS
SELECT org_id, starts_at, ends_at, plan_version_id FROM usage_periods;
