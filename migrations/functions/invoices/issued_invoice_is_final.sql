-- What an issued invoice says never changes. What is paid or credited only grows, and a void one stays as it is.
CREATE OR REPLACE FUNCTION issued_invoice_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'invoice % is final', OLD.number USING ERRCODE = 'restrict_violation';
END $$;
