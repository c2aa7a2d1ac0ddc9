-- Appends a batch to the stream, which never stays without an end. KEYS: stream.
-- ARGV: length, kept ms, then names and values of the entry in turn. Returns what was found and thrown away: nothing, or why.
local AHEAD_MS = 60000
throw_away_unless('stream', KEYS[1])
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- Nothing could be appended after a position of the far future, also when its entry is gone; of a server whose clock was
  -- ahead, or of somebody else.
  local info, at = redis.call('XINFO', 'STREAM', KEYS[1]), nil
  for index = 1, #info, 2 do
    if info[index] == 'last-generated-id' then at = tonumber(string.match(info[index + 1], '^%d+')) end
  end
  if at and at > now_ms() + AHEAD_MS then throw_away(KEYS[1], 'future') end
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return refused
