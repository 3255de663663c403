-- FOR SHARE: a row written while its version is being published waits, and is then rejected.
CREATE OR REPLACE FUNCTION reject_published_part_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched uuid[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION '% contains published versions and cannot be truncated', TG_TABLE_NAME USING ERRCODE = '23001';
    END IF;
    IF TG_OP <> 'INSERT' THEN touched := touched || OLD.plan_version_id; END IF;
    IF TG_OP <> 'DELETE' THEN touched := touched || NEW.plan_version_id; END IF;
    PERFORM FROM plan_versions WHERE id = ANY (touched) FOR SHARE;
    IF EXISTS (SELECT FROM plan_versions WHERE id = ANY (touched) AND published_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a part of a published plan version (%) cannot change', TG_TABLE_NAME
            USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
