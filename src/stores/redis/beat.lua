-- Says that a process lives. KEYS: processes. ARGV: pod, live for ms, known for ms, names at most, bytes of one at most.
-- Returns the names of those that are live, of those that are known and silent, and what was thrown away: nothing, or why.
local pod, live_ms, known_ms = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local most, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
throw_away_unless('zset', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - known_ms)
-- Of a server whose clock was ahead, or of somebody else.
if redis.call('ZREMRANGEBYSCORE', KEYS[1], '(' .. now, '+inf') > 0 then refused = 'future' end
if redis.call('ZCARD', KEYS[1]) > most then throw_away(KEYS[1], 'too_many') end
redis.call('ZADD', KEYS[1], now, pod)
redis.call('PEXPIRE', KEYS[1], known_ms * 2)
local live, silent = {}, {}
local all = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for index = 1, #all, 2 do
  if #all[index] > longest then
    redis.call('ZREM', KEYS[1], all[index])
    refused = 'too_long'
  elseif tonumber(all[index + 1]) >= now - live_ms then
    live[#live + 1] = all[index]
  else
    silent[#silent + 1] = all[index]
  end
end
return { live, silent, refused }
