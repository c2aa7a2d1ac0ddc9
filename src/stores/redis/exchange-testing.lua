-- Leaves what a process counted of card testing, and returns what each did. KEYS: rows by process. ARGV: pod, its row or
-- nothing, kept for ms, rows at most, bytes of one at most. Returns rows, and what was thrown away: nothing, or why.
local pod, row, kept_ms = ARGV[1], ARGV[2], tonumber(ARGV[3])
local most, longest = tonumber(ARGV[4]), tonumber(ARGV[5])
local now = now_ms()
throw_away_unless('hash', KEYS[1])
if redis.call('HLEN', KEYS[1]) > most then throw_away(KEYS[1], 'too_many') end
if row == '' then
  redis.call('HDEL', KEYS[1], pod)
else
  redis.call('HSET', KEYS[1], pod, string.format('%d ', now) .. row)
  redis.call('PEXPIRE', KEYS[1], kept_ms * 2)
end
local rows = {}
for _, name in ipairs(redis.call('HKEYS', KEYS[1])) do
  if #name > longest or redis.call('HSTRLEN', KEYS[1], name) > longest then
    redis.call('HDEL', KEYS[1], name)
    refused = 'too_long'
  elseif name ~= pod then
    local at, text = string.match(redis.call('HGET', KEYS[1], name), '^(%d+) (.*)$')
    at = tonumber(at or '0')
    if at <= now and at > now - kept_ms then
      rows[#rows + 1] = text
    else
      redis.call('HDEL', KEYS[1], name)
      if at == 0 or at > now then refused = 'malformed' end
    end
  end
end
return { rows, refused }
