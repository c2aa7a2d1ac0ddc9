-- Leaves word against lanes, takes back what a process no longer says, returns what stands.
-- KEYS: votes. ARGV: prefix of this process's votes, votes at most, bytes of one at most, then vote and milliseconds in turn.
-- Returns the votes, and what was thrown away: nothing, or why.
local KEPT_MS = 600000
local prefix, most, longest = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
throw_away_unless('zset', KEYS[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if redis.call('ZREMRANGEBYSCORE', KEYS[1], now + KEPT_MS + 1, '+inf') > 0 then refused = 'future' end
if redis.call('ZCARD', KEYS[1]) > most then throw_away(KEYS[1], 'too_many') end
local said = {}
for index = 4, #ARGV, 2 do
  said[ARGV[index]] = true
  redis.call('ZADD', KEYS[1], now + math.min(KEPT_MS, tonumber(ARGV[index + 1])), ARGV[index])
end
local standing = {}
for _, vote in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  if #vote > longest then
    redis.call('ZREM', KEYS[1], vote)
    refused = 'too_long'
  elseif string.sub(vote, 1, #prefix) == prefix and not said[vote] then
    redis.call('ZREM', KEYS[1], vote)
  else
    standing[#standing + 1] = vote
  end
end
redis.call('PEXPIRE', KEYS[1], KEPT_MS)
return { standing, refused }
