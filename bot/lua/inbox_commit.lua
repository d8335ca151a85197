-- One atomic step, refused if the lease is stale: new state, replies to the outbox, messages removed, next one due.
-- ARGV unit, conv, lease, count, conversation('' = leave, '-' = erase), conversation_seconds, outcome,
--      failed_id('' = none), failed_entry, failed_seconds, outbox items ...
-- Returns 1, or 0 when the lease is stale (nothing was written).
local unit, conv = ARGV[1], ARGV[2]
local inbox, outbox = unit .. ':in', unit .. ':out'
if not lane_holds(inbox, conv, ARGV[3]) then return 0 end
local now = now_ms()
lane_remove(inbox, conv, tonumber(ARGV[4]), nil, now)
local record = unit .. ':conv:' .. conv
if ARGV[5] == '-' then
  -- Forgotten means everywhere: what we remember, what the page showed, what an operator could replay.
  redis.call('DEL', record, unit .. ':web:' .. conv)
  local mark = cjson.encode(conv)
  for _, id in ipairs(redis.call('ZRANGE', unit .. ':failed', 0, -1)) do
    local entry = redis.call('GET', unit .. ':failed:' .. id)
    if entry and string.find(entry, '"conversation":' .. string.gsub(mark, '\\/', '/'), 1, true) then
      redis.call('DEL', unit .. ':failed:' .. id)
      redis.call('ZREM', unit .. ':failed', id)
    end
  end
elseif ARGV[5] ~= '' then
  redis.call('SET', record, ARGV[5], 'EX', ARGV[6])
end
redis.call('HINCRBY', unit .. ':counts', 'outcome:' .. ARGV[7], 1)
redis.call('HINCRBY', unit .. ':counts', 'committed', tonumber(ARGV[4]))
if ARGV[8] ~= '' then
  local index = unit .. ':failed'
  redis.call('SET', index .. ':' .. ARGV[8], ARGV[9], 'EX', ARGV[10])
  redis.call('ZREMRANGEBYSCORE', index, '-inf', now - tonumber(ARGV[10]) * 1000)
  redis.call('ZADD', index, now, ARGV[8])
  redis.call('EXPIRE', index, ARGV[10])
end
for i = 11, #ARGV do lane_put(outbox, conv, ARGV[i], 0, 0, now) end
redis.call('DEL', unit .. ':live:' .. conv)
redis.call('PUBLISH', unit .. ':feed', conv)
return 1
