-- FOR SHARE: a row that comes while its version is being published waits, and is then refused.
CREATE OR REPLACE FUNCTION refuse_part_of_published_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    touched uuid[];
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        RAISE EXCEPTION '% holds published versions; it is never emptied', TG_TABLE_NAME USING ERRCODE = '23001';
    END IF;
    IF TG_OP <> 'INSERT' THEN touched := touched || OLD.plan_version_id; END IF;
    IF TG_OP <> 'DELETE' THEN touched := touched || NEW.plan_version_id; END IF;
    PERFORM FROM plan_versions WHERE id = ANY (touched) FOR SHARE;
    IF EXISTS (SELECT FROM plan_versions WHERE id = ANY (touched) AND published_at IS NOT NULL) THEN
        RAISE EXCEPTION 'part of a published version of a plan (%) never changes', TG_TABLE_NAME
            USING ERRCODE = '23001';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;
