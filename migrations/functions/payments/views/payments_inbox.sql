-- Stripe events and their state.
CREATE OR REPLACE VIEW payments_inbox AS
SELECT id, type, state, received_at FROM stripe_inbox;
