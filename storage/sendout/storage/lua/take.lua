-- Take the next ranges of one carrier account: fair between notifications, contact points in turn, no more than what
-- the rates allow in the next horizon. What is taken is leased: unless it is claimed in time it comes back by itself.
-- The segments of a descriptor are what one of its messages costs in the mean.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    room (messages) · horizon (µs) · turn (messages) · lease (µs) · then contact points to pass over
-- Answers {wait until there may be more (µs), "point|lane|notification:first:last:segments"…}.
local p = KEYS[1]
local room, horizon, turn, lease = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]

local pass_over = {}
for i = 5, #ARGV do
  pass_over[ARGV[i]] = true
end

local function put_back(zset, side)
  for _, entry in ipairs(redis.call('ZRANGEBYSCORE', p .. zset, '-inf', now, 'LIMIT', 0, 500)) do
    local point, lane, descriptor = string.match(entry, '^([^|]*)|([^|]*)|(.*)$')
    redis.call('ZREM', p .. zset, entry)
    redis.call(side, p .. ':ring:' .. point .. ':' .. lane, descriptor)
    redis.call('ZADD', p .. ':points', 'NX', 0, point)
  end
end
put_back(':deferred', 'RPUSH')
put_back(':leases', 'LPUSH')

local function split(descriptor)
  local id, first, last, segments = string.match(descriptor, '^([^:]*):(%d+):(%d+):([%d.]+)$')
  return id, tonumber(first), tonumber(last), tonumber(segments)
end

-- Takes one turn from one lane; answers the segments taken, or nil where the lane is empty.
local function take_turn(point, lane, budget, out)
  local ring = p .. ':ring:' .. point .. ':' .. lane
  local descriptor = redis.call('LPOP', ring)
  if not descriptor then
    return nil
  end
  local id, first, last, segments = split(descriptor)
  -- A message dearer than the whole budget still goes, alone: the pace then makes up for it.
  local n = math.min(last - first + 1, turn, room, math.max(1, math.floor(budget / segments)))
  if first + n <= last then
    redis.call('RPUSH', ring, id .. ':' .. (first + n) .. ':' .. last .. ':' .. segments)
  end
  local taken = point .. '|' .. lane .. '|' .. id .. ':' .. first .. ':' .. (first + n - 1) .. ':' .. segments
  redis.call('ZADD', p .. ':leases', now + lease, taken)
  out[#out + 1] = taken
  room = room - n
  return n * segments
end

local out = {0}
local points = redis.call('ZRANGEBYSCORE', p .. ':points', '-inf', now, 'LIMIT', 0, 64)
for _, point in ipairs(points) do
  if room <= 0 then
    break
  end
  if not pass_over[point] then
    local interval = 1000000 / tonumber(redis.call('HGET', p .. ':rates', point) or '1')
    local pace = tonumber(redis.call('HGET', p .. ':pace', point) or '0')
    -- Far ahead means that the clock went back.
    if pace < now or pace > now + 60000000 + 255 * interval then
      pace = now
    end
    local empty = false
    while room > 0 and pace < now + horizon do
      local budget = (now + horizon - pace) / interval
      local segments = take_turn(point, 'u', budget, out) or take_turn(point, 'n', budget, out)
      if not segments then
        empty = true
        break
      end
      pace = pace + segments * interval
    end
    redis.call('HSET', p .. ':pace', point, string.format('%.0f', pace))
    if empty then
      redis.call('ZREM', p .. ':points', point)
    else
      redis.call('ZADD', p .. ':points', string.format('%.0f', math.max(now + 1, pace - horizon)), point)
    end
  end
end
local nearest = now + 1000000
for _, zset in ipairs({':points', ':deferred', ':leases'}) do
  local head = redis.call('ZRANGE', p .. zset, 0, 0, 'WITHSCORES')
  if head[2] then
    nearest = math.min(nearest, tonumber(head[2]))
  end
end
out[1] = math.max(0, math.floor(nearest - now))
return out
