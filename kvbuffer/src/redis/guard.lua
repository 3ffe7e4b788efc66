-- The first command of a batch's MULTI. Redis executes the rest of a transaction even if one of its commands fails.
-- So if the batch must not be written, this moves the set away; commit.lua, the last command, moves it back.
-- KEYS: the set, the run, the set's temporary name. ARGV: our token, the run's sequence as we know it.
local run = redis.call('HMGET', KEYS[2], 'token', 'sequence')
if run[1] == ARGV[1] and run[2] == ARGV[2] then return 1 end
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('RENAME', KEYS[1], KEYS[3])
else
  redis.call('SET', KEYS[3], '')
end
return 0
