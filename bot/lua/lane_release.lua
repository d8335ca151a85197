-- ARGV lane conv lease delay failed(0|1)
return lane_release(ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5] == '1', now_ms())
