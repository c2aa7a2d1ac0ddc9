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

-- Whether a position of a stream is of the far future: of a server whose clock was ahead, or of somebody else. Nothing could be
-- appended after it, and who stood at it could never read on.
local function is_ahead(position, now)
  local at = tonumber(string.match(position, '^%d+'))
  return at ~= nil and at > now + 60000
end
