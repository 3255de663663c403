-- From when on is an org on which plan version?
CREATE OR REPLACE VIEW subscriptions_terms AS
SELECT org_id, starts_at, plan_version_id FROM subscription_terms;
