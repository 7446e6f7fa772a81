-- Who sweeps this carrier account: the first to ask, for as long as it keeps asking. A hint: two sweepers do no harm.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    candidate · seconds the office is kept
-- Answers 1 where the candidate holds it.
local key = KEYS[1] .. ':sweeper'
local holder = redis.call('GET', key)
if holder and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', key, ARGV[1], 'EX', ARGV[2])
return 1
