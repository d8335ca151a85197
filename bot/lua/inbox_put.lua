-- One atomic step: seen before? append to the mailbox, make it due if idle.
-- KEYS seen, log. ARGV unit, conv, item, quiet, limit, seen_seconds, log_entry('' = none), log_seconds, log_most
-- Returns {1 new | 0 seen before, conversations waiting or being answered}.
local unit, conv = ARGV[1], ARGV[2]
local lane = unit .. ':in'
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', ARGV[6]) then
  redis.call('HINCRBY', unit .. ':counts', 'duplicate', 1)
  return {0, 0}
end
lane_put(lane, conv, ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), now_ms())
if ARGV[7] ~= '' then
  redis.call('XADD', KEYS[2], 'MAXLEN', '~', ARGV[9], '*', 'e', ARGV[7])
  redis.call('EXPIRE', KEYS[2], ARGV[8])
  redis.call('PUBLISH', unit .. ':feed', conv)
end
redis.call('HINCRBY', unit .. ':counts', 'accepted', 1)
return {1, redis.call('ZCARD', lane .. ':due')}
