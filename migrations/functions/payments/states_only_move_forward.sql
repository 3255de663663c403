-- A payment, a checkout, a change of plan, a dunning and a Stripe event never return to an earlier state, and what a
-- payment was about stays as it was when it was made. A full refund that fails makes the payment completed again; what
-- staff recorded by mistake is reversed for good; staff may replay an event.
CREATE OR REPLACE FUNCTION states_only_move_forward() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  refused boolean;
BEGIN
  CASE TG_TABLE_NAME
    WHEN 'billing_records' THEN
      refused := CASE OLD.state
        WHEN 'pending' THEN NEW.state = 'reversed'
        WHEN 'failed' THEN NEW.state IN ('pending', 'reversed')
        WHEN 'reversed' THEN true
        ELSE NOT (NEW.state IN ('completed', 'refunded') OR (OLD.state = 'completed' AND NEW.state = 'reversed'))
          OR (NEW.amount, NEW.currency) IS DISTINCT FROM (OLD.amount, OLD.currency)
          OR (OLD.transaction_id IS NOT NULL AND NEW.transaction_id IS DISTINCT FROM OLD.transaction_id)
      END;
    WHEN 'checkouts' THEN
      refused := (OLD.state = 'open' AND NEW.state = 'opening')
        OR (OLD.closed_at IS NOT NULL AND NEW.state IN ('opening', 'open'))
        OR (OLD.state = 'completed' AND NEW.state <> 'completed');
    WHEN 'plan_changes' THEN
      refused := (OLD.settled_at IS NOT NULL AND NEW.state <> OLD.state) OR (OLD.state = 'waiting' AND NEW.state = 'asked');
    WHEN 'dunnings' THEN
      refused := OLD.ended_at IS NOT NULL OR NEW.mails < OLD.mails;
    WHEN 'stripe_inbox' THEN
      refused := OLD.state <> 'received' AND NEW.state NOT IN (OLD.state, 'received');
  END CASE;
  IF refused THEN
    RAISE EXCEPTION '% %: its state only moves forward', TG_TABLE_NAME, OLD.id
      USING ERRCODE = '23001';
  END IF;
  RETURN NEW;
END $$;
