-- Flat fees per interval, in minor units.
CREATE OR REPLACE VIEW catalog_prices AS
SELECT plan_version_id, currency, interval, amount FROM plan_prices;
