-- Permit messages of one contact point to be written to the carrier: refuse a fenced worker, pace the contact point
-- and the account in one step, journal what is granted as in flight, answer relative waits (reliability.md I6, 5.3).
-- The arithmetic is domain/rates.py, which a test runs beside this with random inputs.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    epoch · incarnation · grace (µs) · horizon (µs) · contact point · its rate · its burst
--         · account rate (0 = none) · account burst · then pairs: message id, segments
-- Answers {"LOST"} where Redis is not the one under which the message was claimed, {"FENCED"} where the worker was
-- declared dead, else {"OK", µs until the next may be asked for, wait of the first, wait of the second…}: fewer waits
-- than messages where the horizon is reached.
local p = KEYS[1]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local mark = redis.call('GET', p .. ':mark')
if not mark or run .. '-' .. mark ~= ARGV[1] then
  return {'LOST'}
end
if redis.call('EXISTS', p .. ':fenced:' .. ARGV[2]) == 1 then
  return {'FENCED'}
end
local grace, horizon = tonumber(ARGV[3]), tonumber(ARGV[4])
local t = redis.call('TIME')
local now = t[1] * 1000000 + t[2]
local span = 1000000 + grace

local function interval(limit, lump)
  local spare = limit.rate - lump - limit.burst + 1
  if spare >= limit.rate / 2 then
    return span / spare
  end
  return 1000000 / limit.rate + grace
end

local function load(name, rate, burst)
  local key = p .. ':tat:' .. name
  local kept = redis.call('HMGET', key, 'tat', 'lump', 'until')
  local limit = {key = key, rate = rate, burst = burst, tat = tonumber(kept[1]), lump = tonumber(kept[2]) or 1,
                 till = tonumber(kept[3]) or 0}
  if not limit.tat or limit.tat > now + horizon + span + 256 * interval(limit, 1) then
    limit.tat, limit.lump, limit.till = now + span, 1, 0 -- lost, or the clock went back: pause, never burst
  end
  return limit
end

-- Earliest slot for a message of so many segments, and the lump that governs it.
local function earliest(limit, cost)
  local start = math.max(limit.tat, now - (limit.burst - 1) * interval(limit, 1))
  local governing = start < limit.till and limit.lump or 1
  if cost > governing then
    start = start + (cost - governing) * interval(limit, cost)
    governing = cost
  end
  return start, governing
end

local limits = {load('p:' .. ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7]))}
if tonumber(ARGV[8]) > 0 then
  limits[2] = load('account', tonumber(ARGV[8]), tonumber(ARGV[9]))
end

local answer = {'OK', 0}
for i = 10, #ARGV, 2 do
  local cost, slot, lumps = tonumber(ARGV[i + 1]), 0, {}
  for k, limit in ipairs(limits) do
    local start
    start, lumps[k] = earliest(limit, cost)
    slot = math.max(slot, start)
  end
  if slot > now + horizon then
    answer[2] = math.ceil(slot - now - horizon) + 1
    break
  end
  for k, limit in ipairs(limits) do
    limit.tat = slot + cost * interval(limit, lumps[k])
    limit.lump = lumps[k]
    if cost == lumps[k] then
      limit.till = slot + span
    end
  end
  redis.call('HSET', p .. ':inflight:' .. ARGV[2], ARGV[i], string.format('%.0f', slot))
  answer[#answer + 1] = math.max(0, math.ceil(slot - now))
end
for _, limit in ipairs(limits) do
  redis.call('HSET', limit.key, 'tat', string.format('%.3f', limit.tat), 'lump', limit.lump,
             'until', string.format('%.3f', limit.till))
end
return answer
