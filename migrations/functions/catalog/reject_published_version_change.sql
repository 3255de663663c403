-- Rejects every change to a published plan version (23001).
CREATE OR REPLACE FUNCTION reject_published_version_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION '% contains published versions and cannot be truncated', TG_TABLE_NAME USING ERRCODE = '23001';
    END IF;
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'plan version % is published and cannot change', OLD.id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
