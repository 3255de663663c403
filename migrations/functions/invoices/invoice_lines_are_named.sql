-- New lines name meters and plan versions of the catalogue, from which nothing is deleted. Asked once for all lines of a
-- statement: a foreign key would look up the same few rows, and lock them, for each line.
CREATE OR REPLACE FUNCTION invoice_lines_are_named() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM (SELECT DISTINCT meter_id FROM added WHERE meter_id IS NOT NULL) line
               WHERE NOT EXISTS (SELECT FROM catalog_meters meter WHERE meter.id = line.meter_id))
       OR EXISTS (SELECT FROM (SELECT DISTINCT plan_version_id FROM added) line
                  WHERE NOT EXISTS (SELECT FROM catalog_versions version WHERE version.id = line.plan_version_id)) THEN
        RAISE EXCEPTION 'a line names a meter or a plan version that is not in the catalogue'
            USING ERRCODE = 'foreign_key_violation';
    END IF;
    RETURN NULL;
END $$;
