-- Put a failed message back into its mailbox and strike it off the list, in one step.
-- ARGV unit, failed_id, conv, items ... Returns 1, or 0 when it is no longer listed.
local unit = ARGV[1]
if redis.call('DEL', unit .. ':failed:' .. ARGV[2]) == 0 then return 0 end
redis.call('ZREM', unit .. ':failed', ARGV[2])
for i = 4, #ARGV do lane_put(unit .. ':in', ARGV[3], ARGV[i], 0, 0, now_ms()) end
return 1
