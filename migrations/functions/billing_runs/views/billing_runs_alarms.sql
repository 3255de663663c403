-- Orgs whose last rehearsal failed, or came to something else than the running estimate.
CREATE OR REPLACE VIEW billing_runs_alarms AS
SELECT r.org_id, r.night FROM rehearsals r
WHERE (r.error IS NOT NULL OR r.amount <> r.estimate)
  AND NOT EXISTS (SELECT FROM rehearsals later WHERE later.org_id = r.org_id AND later.night > r.night);
