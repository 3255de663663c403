-- Rejects every change to an entry of the sign-in log.
CREATE OR REPLACE FUNCTION sign_in_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'sign_in_log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
