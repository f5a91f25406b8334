"""Heads as they come, and requests that lbtwist refuses."""

from __future__ import annotations

WRK = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk/4.2.0\r\n\r\n"
BROWSER = b"""\
GET /shop/items?page=2&sort=price HTTP/1.1
Host: www.example.com
Connection: keep-alive
sec-ch-ua: "Chromium";v="142", "Not_A Brand";v="99"
sec-ch-ua-mobile: ?0
User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0
Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: navigate
Referer: https://www.example.com/shop/
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: en-GB,en;q=0.9,de;q=0.8
Cookie: session=7c9e6679f3a14e2db1a5c0ff5be8; theme=dark; SERVERID=0123456789abcdef

""".replace(b"\n", b"\r\n")
NGINX = b"""\
HTTP/1.1 200 OK
Server: nginx/1.22.1
Date: Sat, 21 Nov 2026 11:30:00 GMT
Content-Type: text/html
Content-Length: 615
Last-Modified: Tue, 13 Jun 2023 15:08:10 GMT
Connection: keep-alive
ETag: "6488865a-267"
Accept-Ranges: bytes

""".replace(b"\n", b"\r\n")

_GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
_CHUNKED = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
REFUSED = {
    "no Host": b"GET / HTTP/1.1\r\n\r\n",
    "two Hosts": _GET + b"Host: b\r\n\r\n",
    "Host: u@a/b": b"GET / HTTP/1.1\r\nHost: u@a/b\r\n\r\n",
    "another host in the target than in Host": b"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
    "# in the target": b"GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
    "Content-Length of 20 digits": _GET + b"Content-Length: 00000000000000000005\r\n\r\n",
    "Content_Length": _GET + b"Content_Length: 5\r\n\r\n",
    "Transfer-Encoding: xchunked": _CHUNKED + b"xchunked\r\n\r\n",
    'Transfer-Encoding: "chunked"': _CHUNKED + b'"chunked"\r\n\r\n',
    "Transfer-Encoding: gzip, chunked": _CHUNKED + b"gzip, chunked\r\n\r\n",
    "Transfer-Encoding in HTTP/1.0": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Connection: X-Forwarded-For": _GET + b"Connection: X-Forwarded-For\r\n\r\n",
    "our name in Via twice": _GET + b"Via: 1.1 lbtwist, 1.1 lbtwist\r\n\r\n",
    "a websocket with a body": (
        _GET + b"Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\n"
    ),
    "two spaces after the method": b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "HTTP/2.0": b"GET / HTTP/2.0\r\nHost: a\r\n\r\n",
    "a request line over 8 KiB": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    "a head over 32 KiB": _GET + b"A: " + b"a" * 40000 + b"\r\n\r\n",
    "over 100 fields": _GET + b"A: b\r\n" * 100 + b"\r\n",
    "NUL in a value": _GET + b"A: \0\r\n\r\n",
    "a bare LF": _GET + b"A: b\nC: d\r\n\r\n",
    "a folded line": _GET + b"A: b\r\n c\r\n\r\n",
    "white space before the colon": _GET + b"A : b\r\n\r\n",
}
