-- ARGV lane conv lease count lease_ms('' = give back). Returns items left, or -1 when the lease is stale.
if not lane_holds(ARGV[1], ARGV[2], ARGV[3]) then return -1 end
return lane_remove(ARGV[1], ARGV[2], tonumber(ARGV[4]), tonumber(ARGV[5]), now_ms())
