-- What is a person called, and can they sign in?
CREATE OR REPLACE VIEW accounts_users AS
SELECT id, name, email, disabled_at, deleted_at FROM users;
