-- A line goes on a draft and leaves a draft, or a void invoice of ours; what is final keeps its lines.
CREATE OR REPLACE FUNCTION invoice_line_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM invoices i WHERE i.state <> 'draft'
                 AND (i.id = NEW.invoice_id OR (i.id = OLD.invoice_id AND NOT EXISTS (
                     SELECT FROM issued_invoices issued WHERE issued.invoice_id = i.id AND issued.state = 'void')))) THEN
        RAISE EXCEPTION 'invoice line % is on a final invoice', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
