-- Permit messages of one contact point to be written to the carrier: refuse a fenced worker, leave out who has opted out,
-- pace the contact point and the account and keep its daily cap in one step, journal what is granted as in flight, answer
-- relative waits (reliability.md I6, I7, 5.3). The pace is domain/rates.py, which a test runs beside this with random
-- inputs.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    epoch · incarnation · grace (µs) · horizon (µs) · contact point · its rate · its burst
--         · account rate (0 = none) · account burst · segments a day (0 = no cap) · name of the day
--         · share of an eased rate that comes back per second · longest pause that a carrier may ask for (µs)
--         · then triples: message id, segments, number key
-- Answers {"LOST"} where Redis is not the one under which the message was claimed, {"FENCED"} where the worker was
-- declared dead, {"UNCOUNTED"} where it is not known what was sent on that day, else {"OK" or "CAPPED", µs until the next
-- may be asked for, wait of the first, wait of the second…}: fewer waits than messages where the horizon is reached or
-- the day's segments are used up (CAPPED), and -1 for a recipient who has opted out.
local p = KEYS[1]
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local mark = redis.call('GET', p .. ':mark')
if not mark or run .. '-' .. mark ~= ARGV[1] then
  return {'LOST'}
end
if redis.call('EXISTS', p .. ':fenced:' .. ARGV[2]) == 1 then
  return {'FENCED'}
end
local cap, day = tonumber(ARGV[10]), p .. ':day:' .. ARGV[5] .. ':' .. ARGV[11]
local used = 0
if cap > 0 then
  used = tonumber(redis.call('GET', day))
  if not used then
    return {'UNCOUNTED'}
  end
end
local stops = redis.call('EXISTS', p .. ':stop') == 1
local function stopped(key)
  return stops and (redis.call('ZSCORE', p .. ':stop', ARGV[5] .. '|' .. key) or redis.call('ZSCORE', p .. ':stop', '|' .. key))
end
local grace, horizon = tonumber(ARGV[3]), tonumber(ARGV[4])
local recovery, longest = tonumber(ARGV[12]), tonumber(ARGV[13])
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
  local kept = redis.call('HMGET', key, 'tat', 'lump', 'until', 'share', 'eased', 'paused')
  local limit = {key = key, rate = rate, burst = burst, tat = tonumber(kept[1]), lump = tonumber(kept[2]) or 1,
                 till = tonumber(kept[3]) or 0, paused = 0}
  local eased = tonumber(kept[5])
  if eased and eased > now + longest then
    redis.call('HDEL', key, 'share', 'eased', 'paused') -- the clock went back
  elseif eased then -- the carrier found it too fast (slow.lua)
    local share = tonumber(kept[4]) + recovery * math.max(0, now - eased) / 1000000
    if share >= 1 then
      redis.call('HDEL', key, 'share', 'eased', 'paused')
    else
      limit.rate, limit.paused = rate * share, tonumber(kept[6])
    end
  end
  if not limit.tat or limit.tat > now + horizon + span + 256 * interval(limit, 1) then
    limit.tat, limit.lump, limit.till = now + span, 1, 0 -- lost, or the clock went back: pause, never burst
  end
  return limit
end

-- Earliest slot for a message of so many segments, and the lump that governs it.
local function earliest(limit, cost)
  local start = math.max(limit.tat, limit.paused, now - (limit.burst - 1) * interval(limit, 1))
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

local answer, inflight = {'OK', 0}, p .. ':inflight:' .. ARGV[2]

-- The slot of a message of so many segments, nil where the horizon is reached; the pace moves on.
local function slot_for(cost)
  local slot, lumps = 0, {}
  for k, limit in ipairs(limits) do
    local start
    start, lumps[k] = earliest(limit, cost)
    slot = math.max(slot, start)
  end
  if slot > now + horizon then
    answer[2] = math.ceil(slot - now - horizon) + 1
    return nil
  end
  for k, limit in ipairs(limits) do
    limit.tat = slot + cost * interval(limit, lumps[k])
    limit.lump = lumps[k]
    if cost == lumps[k] then
      limit.till = slot + span
    end
  end
  return slot
end

for i = 14, #ARGV, 3 do
  local id, cost = ARGV[i], tonumber(ARGV[i + 1])
  if stopped(ARGV[i + 2]) then
    answer[#answer + 1] = -1
  else
    -- What is in the journal was charged when its first permit, now void, was given.
    local charge = cap > 0 and redis.call('HEXISTS', inflight, id) == 0 and cost or 0
    if charge > 0 and used + charge > cap then
      answer[1] = 'CAPPED'
      break
    end
    local slot = slot_for(cost)
    if not slot then
      break
    end
    if charge > 0 then
      used = redis.call('INCRBY', day, charge)
    end
    redis.call('HSET', inflight, id, string.format('%.0f', slot))
    answer[#answer + 1] = math.max(0, math.ceil(slot - now))
  end
end
for _, limit in ipairs(limits) do
  redis.call('HSET', limit.key, 'tat', string.format('%.3f', limit.tat), 'lump', limit.lump,
             'until', string.format('%.3f', limit.till))
end
return answer
