-- The first command of a batch's MULTI. Redis runs the rest of a transaction whatever one of its commands says, so
-- where the batch must not be written, the set is moved out of its way; commit.lua, the last command, puts it back.
-- KEYS: the set, the run, where the set waits. ARGV: our token, the run's sequence as we know it.
local run = redis.call('HMGET', KEYS[2], 'token', 'sequence')
if run[1] == ARGV[1] and run[2] == ARGV[2] then return 1 end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[3])
else
  redis.call('SET', KEYS[3], '')
end
return 0
