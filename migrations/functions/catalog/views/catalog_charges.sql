-- Charges for usage above the allowance.
CREATE OR REPLACE VIEW catalog_charges AS
SELECT plan_version_id, meter_id, currency, model, properties FROM plan_charges;
