-- The carrier said "too fast": no permit for this contact point before the pause is over.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    contact point · pause (µs)
local key = KEYS[1] .. ':tat:p:' .. ARGV[1]
local t = redis.call('TIME')
local until_time = t[1] * 1000000 + t[2] + tonumber(ARGV[2])
local tat = tonumber(redis.call('HGET', key, 'tat') or '0')
if tat < until_time then
  redis.call('HSET', key, 'tat', string.format('%.3f', until_time))
end
return 1
