-- ARGV lane lease_ms most. Returns {1, conv, lease, tries, lost, items} or {0, ms until the next is due, or -1}.
local now = now_ms()
local claim, due = lane_claim(ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), now)
if claim then return {1, claim[1], claim[2], claim[3], claim[4], claim[5]} end
if due then return {0, due - now} end
return {0, -1}
