-- A line never changes and is never deleted: only the invoice that it stands on, and Stripe's item, are noted on it.
CREATE OR REPLACE FUNCTION invoice_line_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'invoice line % is final', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
