"""The endpoints of the authorization server for applications: forms in, the answers and errors of their RFCs out."""
