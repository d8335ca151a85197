-- A lane claim that also reads the conversation. ARGV unit lease_ms most
-- Returns {1, conv, lease, tries, lost, items, conversation or '', epoch} or {0, ms until the next is due, or -1}.
local unit = ARGV[1]
local now = now_ms()
local claim, due = lane_claim(unit .. ':in', tonumber(ARGV[2]), tonumber(ARGV[3]), now)
if claim then
  local conv = claim[1]
  return {
    1, conv, claim[2], claim[3], claim[4], claim[5],
    redis.call('GET', unit .. ':conv:' .. conv) or '',
    number(redis.call('HGET', unit .. ':owner:' .. conv, 'epoch'), 0),
  }
end
if due then return {0, due - now} end
return {0, -1}
