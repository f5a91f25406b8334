-- Requests of which no two are alike: path, query, a field, a cookie.
dofile(os.getenv("REPORT"))

local number = 0

function request()
   number = number + 1
   return string.format("GET /items/%d?page=%d HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-Id: %08x\r\n" ..
      "Cookie: session=%x; seen=%d\r\n\r\n", number, number % 97, number * 2654435761 % 4294967296,
      number * 40503, number % 1009)
end
