-- Takes units of all keys or of none: limit.Memory's judgement, at the server, so
-- that replicas share both the counts and the clock.
--
-- KEYS: one a take. ARGV: the time in microseconds since 1970, or 0 for the
-- server's; then for each take the interval of a unit and the size of a burst, in
-- microseconds, the cost, and 1 for a look.
-- Returns for each take: allowed (0 or 1), remaining units, retry after, reset
-- after, in microseconds.
--
-- A key's value is when it will have run out, in microseconds since 1970. That is
-- under 2^53 until 2255, so Lua's numbers hold it exactly.
local now = tonumber(ARGV[1])
local ours = now == 0
if ours then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000000 + tonumber(time[2])
end

local used, changed, fits = {}, {}, true
for i, key in ipairs(KEYS) do
  local interval, room, cost = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i])
  local ends = tonumber(redis.call('GET', key) or '0')
  -- One further off than a whole burst (the rate was changed, the clock set back)
  -- counts as that, and is written down so.
  used[i], changed[i] = math.min(math.max(ends - now, 0), room), ends - now > room
  fits = fits and used[i] + interval * cost <= room
end

local answer = {}
for i, key in ipairs(KEYS) do
  local interval, room, cost, look = tonumber(ARGV[4 * i - 2]), tonumber(ARGV[4 * i - 1]), tonumber(ARGV[4 * i]), ARGV[4 * i + 1] == '1'
  local over = used[i] + interval * cost - room
  if fits and not look then
    used[i] = used[i] + interval * cost
    changed[i] = true
  end
  if changed[i] then
    -- The key goes when it has run out; by a caller's clock nobody knows when.
    local keep = ours and math.ceil(used[i] / 1000) or 3600000
    redis.call('SET', key, string.format('%.0f', now + used[i]), 'PX', keep)
  end
  table.insert(answer, over <= 0 and 1 or 0)
  table.insert(answer, math.floor((room - used[i]) / interval))
  table.insert(answer, math.max(over, 0))
  table.insert(answer, used[i])
end
return answer
