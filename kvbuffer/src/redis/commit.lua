-- The last command of a batch's MULTI: moves the checkpoint if everything before it is as expected.
-- A batch that must not be written is removed: the set that guard.lua moved away is moved back.
-- KEYS: the set, the run, the set's temporary name.
-- ARGV: our token, the run's sequence as we know it, first and last score, members, the new sequence, the checkpoint.
-- Sequences are compared as text: Lua's numbers print with 14 digits.
local waits = redis.call('TYPE', KEYS[3]).ok
if waits ~= 'none' then
  redis.call('DEL', KEYS[1])
  if waits == 'string' then redis.call('DEL', KEYS[3]) else redis.call('RENAME', KEYS[3], KEYS[1]) end
end
if redis.call('EXISTS', KEYS[2]) == 0 then return {'gone'} end
local run = redis.call('HMGET', KEYS[2], 'token', 'sequence')
if run[1] ~= ARGV[1] then return {'lease'} end
if run[2] ~= ARGV[2] then return {'conflict', run[2] or ''} end
if ARGV[5] ~= '0' then
  local count = redis.call('ZCOUNT', KEYS[1], ARGV[3], ARGV[4])
  if count ~= tonumber(ARGV[5]) then return {'count', string.format('%.0f', count)} end
end
redis.call('HSET', KEYS[2], 'sequence', ARGV[6], 'checkpoint', ARGV[7])
return {'ok'}
