-- What audit adds to an org's timeline: its chain. The columns of `accounts_timeline`; personal parts stay here.
CREATE OR REPLACE VIEW audit_timeline AS
SELECT org_id, at, 'audit' AS kind, 'audit:' || to_char(id, 'FM0000000000000000000') AS key, action AS what, actor_id,
       jsonb_build_object('id', id, 'actor_kind', actor_kind, 'object_type', object_type, 'before', before,
                          'after', after) AS facts
FROM audit_entries WHERE org_id IS NOT NULL;
