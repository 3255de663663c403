-- Staff's notes on orgs, with who wrote them.
CREATE OR REPLACE VIEW accounts_org_notes AS
SELECT note.org_id, note.id, note.created_at, note.author_id, author.name AS author, note.words
FROM org_notes note JOIN users author ON author.id = note.author_id;
