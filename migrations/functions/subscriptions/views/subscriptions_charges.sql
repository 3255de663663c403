-- Every charge that terms in force can name by its id: the plans' and the overrides'. Neither ever changes.
CREATE OR REPLACE VIEW subscriptions_charges AS
SELECT id, model, properties, currency FROM catalog_charges
UNION ALL
SELECT id, value ->> 'model', value -> 'properties', currency FROM overrides
WHERE key LIKE 'charge:%' OR key LIKE 'overage\_price:%';
