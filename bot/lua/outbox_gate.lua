-- May this item leave now? Asked right before each send, in one step with renewing the lease.
-- ARGV unit, conv, lease, lease_ms, item epoch('' = not the bot's), not_after ms('' = always), recipient('' = unpaced),
--      then pairs of count and seconds
-- Returns {'send'} | {'stale'} | {'owner'} | {'late'} | {'wait', ms}.
local unit, conv = ARGV[1], ARGV[2]
local now = now_ms()
if lane_renew(unit .. ':out', conv, ARGV[3], tonumber(ARGV[4]), now) == 0 then return {'stale'} end
if ARGV[5] ~= '' then
  local epoch = number(redis.call('HGET', unit .. ':owner:' .. conv, 'epoch'), 0)
  if tonumber(ARGV[5]) ~= epoch then return {'owner'} end
end
if ARGV[6] ~= '' and now > tonumber(ARGV[6]) then return {'late'} end
if ARGV[7] == '' or #ARGV < 9 then return {'send'} end
local sent = unit .. ':pace:' .. ARGV[7]
local longest = 0
for i = 8, #ARGV, 2 do
  local count, window = tonumber(ARGV[i]), tonumber(ARGV[i + 1]) * 1000
  longest = math.max(longest, window)
  local nth = redis.call('LINDEX', sent, count - 1)
  if nth and now - tonumber(nth) < window then return {'wait', tonumber(nth) + window - now} end
end
redis.call('LPUSH', sent, now)
local most = 0
for i = 8, #ARGV, 2 do most = math.max(most, tonumber(ARGV[i])) end
redis.call('LTRIM', sent, 0, most - 1)
redis.call('PEXPIRE', sent, longest)
return {'send'}
