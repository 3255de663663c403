-- What accounts adds to an org's timeline: staff's notes. The columns that every room's timeline has: `at` by the
-- business clock, `kind` to filter by, `key` unique among all rooms', `what` happened, who did it, and what is needed
-- to say it.
CREATE OR REPLACE VIEW accounts_timeline AS
SELECT org_id, created_at AS at, 'note' AS kind, 'note:' || id AS key, 'note' AS what, author_id AS actor_id,
       jsonb_build_object('words', words) AS facts
FROM org_notes;
