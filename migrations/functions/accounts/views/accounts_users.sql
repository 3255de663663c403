-- Users: name, address, and whether they are disabled or deleted.
CREATE OR REPLACE VIEW accounts_users AS
SELECT id, name, email, disabled_at, deleted_at FROM users;
