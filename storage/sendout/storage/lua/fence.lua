-- Fence a dead worker and read what it had in flight, in one step: after this it gets no permit, and what is not in
-- the answer was never permitted to be written (reliability.md 5.3).
--
-- KEYS[1] prefix of the carrier account
-- ARGV    incarnation · seconds to keep the fence
-- Answers {epoch or "", message id…}.
local p = KEYS[1]
redis.call('SET', p .. ':fenced:' .. ARGV[1], '1', 'EX', ARGV[2])
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local mark = redis.call('GET', p .. ':mark')
local answer = redis.call('HKEYS', p .. ':inflight:' .. ARGV[1])
table.insert(answer, 1, mark and (run .. '-' .. mark) or '')
return answer
