-- The PDF that was issued is kept as it is.
CREATE OR REPLACE FUNCTION issued_document_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the document of invoice % is final', OLD.invoice_id USING ERRCODE = 'restrict_violation';
END $$;
