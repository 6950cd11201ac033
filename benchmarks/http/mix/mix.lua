-- Replays requests given as bytes, each after a line with its length.
-- usage: wrk ... -s mix.lua URL -- FILE
local reqs, n, i = {}, 0, 0
local function load(name)
  local f = assert(io.open(name, "rb"))
  while true do
    local l = f:read("*l")
    if not l then break end
    n = n + 1
    reqs[n] = f:read(tonumber(l))
  end
  f:close()
end
function init(args) load(args[1]); i = math.random(0, n - 1) end
function request()
  i = i + 1
  if i > n then i = 1 end
  return reqs[i]
end
function done(s, lat)
  io.write(string.format("RESULT {\"requests\":%d,\"seconds\":%.3f,\"p50_us\":%d,\"p99_us\":%d,\"non2xx\":%d,\"broken\":%d}\n",
    s.requests, s.duration / 1e6, lat:percentile(50), lat:percentile(99), s.errors.status,
    s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout))
end
