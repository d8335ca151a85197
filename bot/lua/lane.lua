-- The lane: conversations by the time they are next due, and per conversation a list of waiting items.
-- Prepended to every script that touches one. A lane is named by its key prefix, such as "{unit}:in":
--   <lane>:due           sorted set  conversation -> time in ms when it may be claimed (or when its lease runs out)
--   <lane>:box:<conv>    list        waiting items, oldest first
--   <lane>:state:<conv>  hash        lease   number of the worker that holds it (absent: nobody)
--                                    first, next, rush  the burst being gathered
--                                    hold    not before this time (backoff, pacing)
--                                    tries, lost        exceptions and lost leases of the head item
--   <lane>:leases        counter     lease numbers are never reused, so a stale one can never match
-- State, box and due entry vanish together when the last item is committed: an idle conversation costs nothing here.

local function now_ms()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000 + math.floor(tonumber(t[2]) / 1000)
end

local function number(value, otherwise)
  if value then return tonumber(value) end
  return otherwise
end

-- Never moves the time of a leased conversation. quiet 0 means "now", or where it stands in line if that is sooner:
-- whoever speaks again must not lose their place.
local function lane_put(lane, conv, item, quiet, limit, now)
  local state = lane .. ':state:' .. conv
  redis.call('RPUSH', lane .. ':box:' .. conv, item)
  local have = redis.call('HMGET', state, 'lease', 'first', 'rush', 'hold', 'next')
  local first = number(have[2], now)
  local due = math.min(now + quiet, first + limit)
  if quiet == 0 or have[3] then
    redis.call('HSET', state, 'rush', 1)
    due = math.min(now, number(have[5], now))
  end
  due = math.max(due, number(have[4], 0))
  redis.call('HSET', state, 'first', first, 'next', due)
  if not have[1] then redis.call('ZADD', lane .. ':due', due, conv) end
  redis.call('PUBLISH', lane .. ':bell', due)
  return due
end

local function lane_drop(lane, conv)
  redis.call('DEL', lane .. ':state:' .. conv, lane .. ':box:' .. conv)
  redis.call('ZREM', lane .. ':due', conv)
end

-- Returns {conv, lease, tries, lost, items} or, when nothing is due, the time of the next one (or false).
local function lane_claim(lane, lease_ms, most, now)
  while true do
    local head = redis.call('ZRANGE', lane .. ':due', 0, 0, 'WITHSCORES')
    if not head[1] then return false, false end
    if tonumber(head[2]) > now then return false, tonumber(head[2]) end
    local conv = head[1]
    local items = redis.call('LRANGE', lane .. ':box:' .. conv, 0, most - 1)
    if #items == 0 then
      lane_drop(lane, conv)
    else
      local state = lane .. ':state:' .. conv
      local lost = 0
      if redis.call('HEXISTS', state, 'lease') == 1 then
        lost = redis.call('HINCRBY', state, 'lost', 1)
      else
        lost = number(redis.call('HGET', state, 'lost'), 0)
      end
      local lease = redis.call('INCR', lane .. ':leases')
      redis.call('HSET', state, 'lease', lease)
      redis.call('HDEL', state, 'first', 'next', 'rush', 'hold')
      redis.call('ZADD', lane .. ':due', now + lease_ms, conv)
      return {conv, lease, number(redis.call('HGET', state, 'tries'), 0), lost, items}
    end
  end
end

local function lane_holds(lane, conv, lease)
  return redis.call('HGET', lane .. ':state:' .. conv, 'lease') == lease
end

local function lane_renew(lane, conv, lease, lease_ms, now)
  if not lane_holds(lane, conv, lease) then return 0 end
  redis.call('ZADD', lane .. ':due', now + lease_ms, conv)
  return 1
end

-- Gives the conversation back at `now + delay`; a failed one counts a try.
local function lane_release(lane, conv, lease, delay, failed, now)
  if not lane_holds(lane, conv, lease) then return 0 end
  local state = lane .. ':state:' .. conv
  redis.call('HDEL', state, 'lease')
  if failed then redis.call('HINCRBY', state, 'tries', 1) end
  if delay > 0 then redis.call('HSET', state, 'hold', now + delay) end
  redis.call('ZADD', lane .. ':due', now + delay, conv)
  redis.call('PUBLISH', lane .. ':bell', now + delay)
  return 1
end

-- Removes the first `count` items. With `lease_ms` the lease is kept (and renewed) for the rest; without, the rest is
-- due as its own burst asks. The caller has checked lane_holds.
local function lane_remove(lane, conv, count, lease_ms, now)
  local state = lane .. ':state:' .. conv
  redis.call('LTRIM', lane .. ':box:' .. conv, count, -1)
  local left = redis.call('LLEN', lane .. ':box:' .. conv)
  if left == 0 then
    lane_drop(lane, conv)
  elseif lease_ms then
    redis.call('HDEL', state, 'tries', 'lost')
    redis.call('ZADD', lane .. ':due', now + lease_ms, conv)
  else
    local due = math.max(now, number(redis.call('HGET', state, 'next'), now))
    redis.call('HDEL', state, 'lease', 'tries', 'lost')
    redis.call('ZADD', lane .. ':due', due, conv)
    redis.call('PUBLISH', lane .. ':bell', due)
  end
  return left
end
