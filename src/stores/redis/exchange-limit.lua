-- Leases calls and places of one provider to one process, in one step, by the server's own clock.
-- KEYS: bucket, places, waits. ARGV: pod, per second, burst, calls, owed, close for ms, concurrent, places, in use, share
-- of the places, share of the calls a second. The places are a hash: for each pod, how many it holds and until when. So are
-- the waits: from when on its share of the calls has not been served, and when it asked last. They stand apart: processes
-- of a version that knows nothing of them would throw away places in a form that they do not know.
-- The last of what it returns is what was found and thrown away: nothing, or why.
local BUCKET_KEPT_MS, PLACES_KEPT_MS, SETTLED_MS, SILENT_MS, CLOSED_MAX_MS = 60000, 3000, 1500, 600, 600000
local FIELD_MAX, PLACES_MAX, NAME_MAX, IN_USE_MAX = 40, 1000, 300, 100000
local WAITS_MS, WAITS_KEPT_MS, CLAIM_MS, CLAIM_CALLS = 300, 3000, 300, 1.5
local pod = ARGV[1]
local rate, burst, calls, owed = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local close_for, concurrent = tonumber(ARGV[6]), tonumber(ARGV[7])
local wanted, in_use, share = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local calls_share = tonumber(ARGV[11])
local now = now_ms()

for _, key in ipairs(KEYS) do
  throw_away_unless('hash', key)
  if redis.call('HLEN', key) > PLACES_MAX then throw_away(key, 'too_many') end
end
for _, name in ipairs({ 'calls', 'at', 'closed', 'born' }) do
  if redis.call('HSTRLEN', KEYS[1], name) > FIELD_MAX then
    redis.call('HDEL', KEYS[1], name)
    refused = 'too_long'
  end
end
local function number(text, otherwise)
  if not text then return otherwise end
  local value = tonumber(text)
  -- Only what is not a number differs from itself.
  if value and value == value and math.abs(value) < 9e15 then return value end
  refused = 'malformed'
  return otherwise
end

-- A bucket that is not known is empty: a server that lost everything must not grant a second burst.
local kept = redis.call('HMGET', KEYS[1], 'calls', 'at', 'closed', 'born')
local held, at, closed = number(kept[1], 0), number(kept[2], now), math.floor(number(kept[3], 0))
local bucket_born = number(kept[4], now)
-- Another server's clock may be behind the last one's.
if at > now then at = now end
if closed > now + CLOSED_MAX_MS then
  closed = now
  refused = 'future'
end
-- When nobody asked for so long, all were on their own and used what would have filled it: it begins anew.
if now - at > SILENT_MS then
  held, at, bucket_born = math.min(held, 0), now, now
end
local from = math.max(at, math.min(closed, now))
held = math.min(burst, held + (now - from) / 1000 * rate)
-- What was granted without a bucket is owed only to one that was filled meanwhile.
owed = math.min(owed, (now - math.min(bucket_born, now)) / 1000 * rate)
-- What all granted by themselves in a second is paid for, however little the bucket holds.
held = math.max(-math.max(burst, rate), math.min(burst, held - owed + math.max(0, -calls)))
if close_for > 0 then closed = math.max(closed, now + math.min(close_for, CLOSED_MAX_MS)) end

-- Who asks more often, or always a moment earlier, must not get what others wait for: each has a claim to its share since
-- it was served, as far back as it may take to ask again, or to earn a call. A whole call goes to whose claim is the
-- largest: while each saves up for one of its own, a bucket of a few calls would run over.
local claim_ms = math.max(CLAIM_MS, CLAIM_CALLS / calls_share * 1000)
local function claim_of(since)
  return calls_share * math.min(claim_ms, now - since) / 1000
end
local reserved, largest, waits_since = 0, 0, nil
for _, name in ipairs(redis.call('HKEYS', KEYS[3])) do
  if #name > NAME_MAX or redis.call('HSTRLEN', KEYS[3], name) > FIELD_MAX then
    redis.call('HDEL', KEYS[3], name)
    refused = 'too_long'
  else
    local since, asked_at = string.match(redis.call('HGET', KEYS[3], name), '^(%d+%.?%d*) (%d+)$')
    since, asked_at = tonumber(since or 'none'), tonumber(asked_at or 'none')
    if not since or since > now or asked_at > now or now - asked_at > WAITS_KEPT_MS then
      redis.call('HDEL', KEYS[3], name)
      -- Another server's clock may be a moment behind.
      if not since then refused = 'malformed' elseif math.max(since, asked_at) > now + WAITS_KEPT_MS then refused = 'future' end
    elseif name == pod then
      waits_since = since
    elseif now - asked_at <= WAITS_MS then
      reserved, largest = reserved + claim_of(since), math.max(largest, claim_of(since))
    end
  end
end
local born, others = nil, 0
for _, name in ipairs(redis.call('HKEYS', KEYS[2])) do
  if #name > NAME_MAX or redis.call('HSTRLEN', KEYS[2], name) > FIELD_MAX then
    redis.call('HDEL', KEYS[2], name)
    refused = 'too_long'
  elseif name == ':born' then
    born = number(redis.call('HGET', KEYS[2], name), nil)
  elseif name ~= pod then
    local count, until_ms = string.match(redis.call('HGET', KEYS[2], name), '^(%d+) (%d+)$')
    count, until_ms = tonumber(count or 'none'), tonumber(until_ms or '0')
    if count and count <= IN_USE_MAX and until_ms > now and until_ms <= now + PLACES_KEPT_MS then
      others = others + count
    else
      redis.call('HDEL', KEYS[2], name)
      if not count or count > IN_USE_MAX or until_ms > now then refused = 'malformed' end
    end
  end
end

local granted, waits = 0, nil
if now < closed then
  held = math.min(held, 0)
elseif calls > 0 then
  local claim = claim_of(waits_since or now)
  local most = math.max(claim, held - reserved, claim >= largest and 1 or 0)
  granted = math.max(0, math.min(calls, math.floor(math.min(held, most))))
  held = held - granted
  if granted < calls then
    waits = string.format('%.3f %d', now - math.max(0, claim - granted) / calls_share * 1000, now)
  end
end
redis.call('HSET', KEYS[1], 'calls', string.format('%.6f', held), 'at', string.format('%d', now))
redis.call('HSET', KEYS[1], 'closed', string.format('%d', closed), 'born', string.format('%d', math.min(bucket_born, now)))
redis.call('PEXPIRE', KEYS[1], BUCKET_KEPT_MS + math.max(0, closed - now))
local next_in = math.max(0, closed - now)
if held < 1 then next_in = next_in + math.ceil((1 - held) / rate * 1000) end

if born == nil or born > now then
  born = now
  redis.call('HSET', KEYS[2], ':born', string.format('%d', now))
end
local free = concurrent - others
-- Those who have not asked again yet may be using what a server that lost everything does not know of.
if now - born < SETTLED_MS then free = math.min(free, share) end
local places = math.max(0, math.min(wanted, free))
local recorded = math.max(places, in_use)
if recorded == 0 then
  redis.call('HDEL', KEYS[2], pod)
else
  redis.call('HSET', KEYS[2], pod, string.format('%d %d', recorded, now + PLACES_KEPT_MS))
end
redis.call('PEXPIRE', KEYS[2], BUCKET_KEPT_MS)
if waits then
  redis.call('HSET', KEYS[3], pod, waits)
else
  redis.call('HDEL', KEYS[3], pod)
end
redis.call('PEXPIRE', KEYS[3], WAITS_KEPT_MS)
local unheld = math.max(0, math.floor(concurrent - others - recorded))
return { granted, math.max(0, closed - now), next_in, places, math.floor(math.max(0, held)), unheld, refused }
