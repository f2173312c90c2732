"""Object stores, web servers and the hub as places of files: loaded only where an address is met.

`address` reads addresses and knows no client; `client.open_store` gives the store behind one.
"""
