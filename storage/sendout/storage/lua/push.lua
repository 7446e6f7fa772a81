-- Make ranges of one contact point reachable: append their descriptors to its ring, or defer them until a time.
--
-- KEYS[1] prefix of the carrier account, e.g. so:{simulator}; every key used below starts with it.
-- ARGV    contact point · lane "u" (URGENT) or "n" (NORMAL) · segments per second · due (µs, 0 = now) · descriptors…
-- A descriptor is "notification:first:last:segments". Answers the number of descriptors.
local p, point, lane, rate, due = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
redis.call('HSET', p .. ':rates', point, rate)
for i = 5, #ARGV do
  if due > 0 then
    redis.call('ZADD', p .. ':deferred', due, point .. '|' .. lane .. '|' .. ARGV[i])
  else
    redis.call('RPUSH', p .. ':ring:' .. point .. ':' .. lane, ARGV[i])
  end
end
if due == 0 then
  redis.call('ZADD', p .. ':points', 'NX', 0, point)
end
return #ARGV - 4
