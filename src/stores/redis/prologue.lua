-- Stands before every script. Whoever can write to the server must not bring a script to fail, or to be slow: what no process
-- writes is thrown away, and told: why the last of it was, or nothing.
local refused = ''

local function throw_away(key, why)
  redis.call('DEL', key)
  refused = why
end

-- What is of another type than this script makes it.
local function throw_away_unless(kind, key)
  local found = redis.call('TYPE', key).ok
  if found ~= 'none' and found ~= kind then throw_away(key, 'type') end
end

-- The server's own clock, milliseconds: the clocks of the processes differ.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

