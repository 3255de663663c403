-- All orgs' usage by UTC day, as of the latest roll-up.
CREATE OR REPLACE VIEW metering_totals AS
SELECT day, dimension, meter_id, value, quantity, events FROM usage_totals WHERE events > 0;
