-- Batches after a position, and where the stream ends. KEYS: stream. ARGV: position or nothing, batches at most, bytes of
-- one at most. Returns both, and what was thrown away: nothing, or why.
local most, longest = tonumber(ARGV[2]), tonumber(ARGV[3])
throw_away_unless('stream', KEYS[1])
local function bytes_of(entry)
  local bytes = 0
  for _, part in ipairs(entry[2]) do bytes = bytes + #part end
  return bytes
end
-- No process writes one that is longer. It is taken away: each reader would be held up by it, until the stream forgets it.
local function take_away(entry)
  redis.call('XDEL', KEYS[1], entry[1])
  refused = 'too_long'
end
local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
if not last then return { '', {}, refused } end
local now = now_ms()
-- As when a batch is appended.
if is_ahead(last[1], now) then
  throw_away(KEYS[1], 'future')
  return { '', {}, refused }
end
local entries = {}
if bytes_of(last) > longest then
  take_away(last)
elseif ARGV[1] ~= '' and not is_ahead(ARGV[1], now) then
  local after, bytes = ARGV[1], 0
  -- One by one: many large ones at once would keep the server from answering anybody.
  while #entries < most and bytes < longest and refused == '' do
    local entry = redis.call('XRANGE', KEYS[1], '(' .. after, '+', 'COUNT', 1)[1]
    if not entry then break end
    local length = bytes_of(entry)
    if length > longest then
      take_away(entry)
    else
      after, bytes = entry[1], bytes + length
      entries[#entries + 1] = entry
    end
  end
end
return { last[1], entries, refused }
