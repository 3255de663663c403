-- New rows name orgs, none of which is ever deleted. For tables that many rows are written to at once: asked once for all
-- rows of a statement, where a foreign key would look up, and lock, the org of each. OFFSET keeps it a look-up for each
-- org: the plan is kept, and as a join it might read all orgs.
CREATE OR REPLACE FUNCTION rows_name_orgs() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT org_id FROM added) line
               WHERE NOT EXISTS (SELECT FROM accounts_orgs org WHERE org.id = line.org_id OFFSET 0)) THEN
        RAISE EXCEPTION 'a row of % names an org that does not exist', TG_TABLE_NAME
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
