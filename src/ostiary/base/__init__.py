"""What every room stands on: time, ids, random tokens, addresses and numbers, strict JSON, asking other servers.

Owns nothing that is stored and depends on no other room. Refuses anything that answers HTTP, knows SQL or a secret key.
"""
