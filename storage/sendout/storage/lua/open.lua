-- The epoch of this Redis for one carrier account: its run id and a mark that is lost with its data. Whoever finds no
-- mark sets one and must rebuild the ring.
--
-- KEYS[1] prefix of the carrier account
-- ARGV    a fresh random mark
-- Answers {epoch, 1 where the mark was missing else 0}.
local fresh = redis.call('SET', KEYS[1] .. ':mark', ARGV[1], 'NX')
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
return {run .. '-' .. redis.call('GET', KEYS[1] .. ':mark'), fresh and 1 or 0}
