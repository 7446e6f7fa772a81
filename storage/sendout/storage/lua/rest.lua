-- Put ranges of one contact point back in front, and take none of it for a while.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    contact point · lane "u" (URGENT) or "n" (NORMAL) · pause (µs) · descriptors…
-- Answers the number of descriptors.
local p, point, lane = KEYS[1], ARGV[1], ARGV[2]
for i = #ARGV, 4, -1 do
  redis.call('LPUSH', p .. ':ring:' .. point .. ':' .. lane, ARGV[i])
end
local t = redis.call('TIME')
redis.call('ZADD', p .. ':points', t[1] * 1000000 + t[2] + tonumber(ARGV[3]), point)
return #ARGV - 3
