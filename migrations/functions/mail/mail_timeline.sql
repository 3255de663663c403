-- Emails about something, without their bodies. The columns of `accounts_timeline`; `org_id` is what it is about, as
-- whoever queued the email named it.
CREATE OR REPLACE VIEW mail_timeline AS
SELECT about AS org_id, at, 'mail' AS kind, 'mail:' || id AS key, subject AS what, NULL::uuid AS actor_id,
       jsonb_build_object('template', template, 'to', to_address, 'state', state, 'error', last_error) AS facts
FROM mail_outbox WHERE about IS NOT NULL;
