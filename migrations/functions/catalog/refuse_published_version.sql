CREATE OR REPLACE FUNCTION refuse_published_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION '% holds published versions; it is never emptied', TG_TABLE_NAME USING ERRCODE = '23001';
    END IF;
    IF OLD.published_at IS NOT NULL THEN
        RAISE EXCEPTION 'version % of a plan is published and never changes', OLD.id USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
