"""What every room stands on: time, ids, random tokens, e-mail addresses, strict JSON.

Owns nothing that is stored and depends on no other room. Refuses anything that knows HTTP, SQL or a secret key.
"""
