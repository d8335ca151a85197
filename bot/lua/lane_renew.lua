-- ARGV lane conv lease lease_ms
return lane_renew(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), now_ms())
