-- The carrier said "too fast": no permit for this contact point before the pause is over, and half its rate from then on,
-- which recovers by and by (domain/rates.py, `eased`).
--
-- KEYS[1] prefix of the carrier account
-- ARGV    contact point · pause (µs) · how long the rate stays halved (µs) · share that comes back per second
local p, point, pause = KEYS[1], ARGV[1], tonumber(ARGV[2])
local key = p .. ':tat:p:' .. point
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local kept = redis.call('HMGET', key, 'share', 'eased', 'paused')
local share, eased, paused = tonumber(kept[1]) or 1, tonumber(kept[2]) or 0, tonumber(kept[3]) or 0
if now < eased then
  eased = math.max(eased, now + pause)
else
  share = math.min(1, share + tonumber(ARGV[4]) * (now - eased) / 1000000) / 2
  eased = now + math.max(pause, tonumber(ARGV[3]))
end
paused = math.max(paused, now + pause)
redis.call('HSET', key, 'share', string.format('%.6f', share), 'eased', string.format('%.0f', eased),
           'paused', string.format('%.0f', paused))
if redis.call('ZSCORE', p .. ':points', point) then
  redis.call('ZADD', p .. ':points', 'GT', string.format('%.0f', paused), point) -- what cannot leave need not be claimed
end
return 1
