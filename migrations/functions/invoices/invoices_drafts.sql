-- Drafts, by the end of the usage period whose close opened them.
CREATE OR REPLACE VIEW invoices_drafts AS SELECT org_id, boundary_at, kind FROM invoices WHERE state = 'draft';
