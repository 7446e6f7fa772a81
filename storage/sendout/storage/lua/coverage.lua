-- How many messages of each notification the ring can still reach: in rings, deferred, leased.
--
-- KEYS[1] prefix of the carrier account
-- Answers {notification, count, notification, count…}. Reads every descriptor: a million recipients are one.
local p, counts, order = KEYS[1], {}, {}
local function add(descriptor)
  local id, first, last = string.match(descriptor, '^([^:]*):(%d+):(%d+):')
  if not counts[id] then
    order[#order + 1] = id
  end
  counts[id] = (counts[id] or 0) + tonumber(last) - tonumber(first) + 1
end
for _, point in ipairs(redis.call('HKEYS', p .. ':rates')) do
  for _, lane in ipairs({'u', 'n'}) do
    for _, descriptor in ipairs(redis.call('LRANGE', p .. ':ring:' .. point .. ':' .. lane, 0, -1)) do
      add(descriptor)
    end
  end
end
for _, zset in ipairs({':deferred', ':leases'}) do
  for _, entry in ipairs(redis.call('ZRANGE', p .. zset, 0, -1)) do
    add(string.match(entry, '([^|]*)$'))
  end
end
local answer = {}
for _, id in ipairs(order) do
  answer[#answer + 1] = id
  answer[#answer + 1] = counts[id]
end
return answer
