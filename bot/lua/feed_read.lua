-- All that a reader of one conversation may not have seen yet, in one look. KEYS log, live, state. ARGV log entry seen.
-- Returns {log entries, fields of the growing answer, 1 when work is under way or waits}.
return {
  redis.call('XRANGE', KEYS[1], '(' .. ARGV[1], '+'),
  redis.call('HGETALL', KEYS[2]),
  redis.call('EXISTS', KEYS[3]),
}
