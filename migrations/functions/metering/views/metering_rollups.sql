-- When each roll-up was last folded.
CREATE OR REPLACE VIEW metering_rollups AS
SELECT name, folded_at FROM rollup_state;
