-- Charges for usage above the allowance.
CREATE OR REPLACE VIEW catalog_charges AS
SELECT id, plan_version_id, meter_id, currency, model, properties, collect FROM plan_charges;
