"""The only importer of `stripe`: one client, our own small types, our own errors. It knows no org, plan or table."""
