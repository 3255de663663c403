"""What a browser opens: the hosted checkout, invoice and customer portal, and the control page of the sandbox."""
