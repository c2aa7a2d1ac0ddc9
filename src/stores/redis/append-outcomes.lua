-- Appends a batch to the stream, which never stays without an end. KEYS: stream.
-- ARGV: length, kept ms, then names and values of the entry in turn. Returns what was found and thrown away: nothing, or why.
throw_away_unless('stream', KEYS[1])
if redis.call('EXISTS', KEYS[1]) == 1 then
  -- Also when the entry of its last position is gone.
  local info, last = redis.call('XINFO', 'STREAM', KEYS[1]), ''
  for index = 1, #info, 2 do
    if info[index] == 'last-generated-id' then last = info[index + 1] end
  end
  if is_ahead(last, now_ms()) then throw_away(KEYS[1], 'future') end
end
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(ARGV, 3))
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return refused
