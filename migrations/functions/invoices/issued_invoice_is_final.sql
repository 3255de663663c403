-- What an issued invoice says never changes. What is credited only grows, what is paid falls only
-- where a payment was recorded by mistake, and a void one stays as it is.
CREATE OR REPLACE FUNCTION issued_invoice_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'invoice % is final', OLD.number USING ERRCODE = 'restrict_violation';
END $$;
