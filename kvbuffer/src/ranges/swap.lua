-- Changes the registry if no other process has changed it since it was read.
-- KEYS: the registry, the set, then one run for each operation.
-- ARGV: generation as read, new generation, time to live in ms, then for each operation five:
--   field, entry ('' removes it), what to do with the run, its token, its first sequence.
local GENERATION = '#generation'
if (redis.call('HGET', KEYS[1], GENERATION) or '0') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], GENERATION, ARGV[2])
for i = 3, #KEYS do
  local run, at = KEYS[i], 4 + (i - 3) * 5
  local field, entry, action, token, first = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  if entry == '' then
    redis.call('HDEL', KEYS[1], field)
  else
    redis.call('HSET', KEYS[1], field, entry)
  end
  if action == 'grant' then
    redis.call('HSET', run, 'token', token)
    redis.call('HSETNX', run, 'sequence', first)
  elseif action == 'revoke' then
    redis.call('HDEL', run, 'token')
  elseif action == 'reset' then
    redis.call('HSET', run, 'token', token, 'sequence', first)
    redis.call('HDEL', run, 'checkpoint')
  elseif action == 'drop' then
    redis.call('DEL', run)
  end
  redis.call('PEXPIRE', run, ARGV[3])
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return 1
