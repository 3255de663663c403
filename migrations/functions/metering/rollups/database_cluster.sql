-- The database cluster's system identifier: it differs where rows were restored into another cluster.
CREATE OR REPLACE FUNCTION database_cluster() RETURNS text LANGUAGE sql STABLE
RETURN (SELECT system_identifier::text FROM pg_control_system());
