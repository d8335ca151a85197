-- Another one speaks from here on: raise the epoch and queue the announcement behind any send in flight.
-- ARGV unit, conv, owner, seconds, announcement('' = none). Returns the new epoch.
local unit, conv = ARGV[1], ARGV[2]
local key = unit .. ':owner:' .. conv
local epoch = redis.call('HINCRBY', key, 'epoch', 1)
redis.call('HSET', key, 'owner', ARGV[3])
redis.call('EXPIRE', key, ARGV[4])
if ARGV[5] ~= '' then lane_put(unit .. ':out', conv, ARGV[5], 0, 0, now_ms()) end
return epoch
