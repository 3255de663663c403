-- Which notes of staff an org has; what they say stays here, and on the org's timeline.
CREATE OR REPLACE VIEW accounts_org_notes AS SELECT org_id, id FROM org_notes;
