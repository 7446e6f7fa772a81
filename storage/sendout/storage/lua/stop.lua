-- Recipients opted out: no permit for their messages that were claimed before. Kept for a while only: later claims look
-- into SQL themselves. What is over is dropped on the way.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    how long to keep (µs) · then members: contact point or nothing, `|`, key of the number in hex
local key = KEYS[1] .. ':stop'
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
for i = 2, #ARGV do
  redis.call('ZADD', key, string.format('%.0f', now + tonumber(ARGV[1])), ARGV[i])
end
redis.call('PEXPIRE', key, math.ceil(tonumber(ARGV[1]) / 1000)) -- where nobody opts out any more
return 1
