-- Text grows only while the writer still holds the lease and the bot still speaks.
-- ARGV unit, conv, lease, epoch, turn, text, seconds. Returns 1, or 0 when the writer must stop.
local unit, conv = ARGV[1], ARGV[2]
if not lane_holds(unit .. ':in', conv, ARGV[3]) then return 0 end
if number(redis.call('HGET', unit .. ':owner:' .. conv, 'epoch'), 0) ~= tonumber(ARGV[4]) then return 0 end
local key = unit .. ':live:' .. conv
local have = redis.call('HMGET', key, 'lease', 'text')
local text = ARGV[6]
if have[1] == ARGV[3] then text = have[2] .. text end
redis.call('HSET', key, 'turn', ARGV[5], 'lease', ARGV[3], 'text', text)
redis.call('EXPIRE', key, ARGV[7])
redis.call('PUBLISH', unit .. ':feed', conv)
return 1
