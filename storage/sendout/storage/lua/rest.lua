-- Put ranges of one contact point back in front, and take none of it before a time.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    contact point · lane "u" (URGENT) or "n" (NORMAL) · until (µs) · descriptors…
-- Answers the number of descriptors.
local p, point, lane = KEYS[1], ARGV[1], ARGV[2]
for i = #ARGV, 4, -1 do
  redis.call('LPUSH', p .. ':ring:' .. point .. ':' .. lane, ARGV[i])
end
redis.call('ZADD', p .. ':points', ARGV[3], point)
return #ARGV - 3
