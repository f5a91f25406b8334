"""HTTP/1.1 as bytes and as values: no transport, no clock. Ambiguity is refused, never repaired.

Parsers take what has been read and give a value and the rest; each value says what a strict reader on
the next hop will read too, and is written anew for it.
"""
