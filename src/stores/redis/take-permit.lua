-- Gives a permit to one process at a time. KEYS: permit. ARGV: pod, milliseconds, the most that a permit may last.
-- Returns whether it is this process's now, and what was thrown away: nothing, or why.
if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return { 1, '' } end
local left = redis.call('PTTL', KEYS[1])
-- No process leaves one without an end: it would keep all from it for ever.
if left >= 0 and left <= tonumber(ARGV[3]) then return { 0, '' } end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return { 1, 'without_end' }
