-- Returns what an item adds to its month's quantity: a month counts an item that stands on any of its days. `stood` is
-- the number of these days before, and `days` what changes it.
CREATE OR REPLACE FUNCTION rollup_month_added(stood integer, days bigint) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (stood + days > 0)::integer - (stood > 0)::integer;
