-- How fresh is each roll-up?
CREATE OR REPLACE VIEW metering_rollups AS
SELECT name, folded_at FROM rollup_state;
