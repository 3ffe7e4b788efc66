-- Removes up to 1,000 entries in a range of scores: only those of bootstraps, and only while the lease is ours.
-- A log position may have the same score as a bootstrap's sequence. Such an entry is not ours and is not removed.
-- KEYS: the set, the run. ARGV: our token, first and last score, how many entries to skip.
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return {-1, 0} end
local page = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', ARGV[4], 1000)
local ours, kept = {}, 0
for _, member in ipairs(page) do
  if string.find(string.sub(member, 1, 64), '"position":"0/BOOTSTRAP', 1, true) then
    ours[#ours + 1] = member
  else
    kept = kept + 1
  end
end
if #ours > 0 then redis.call('ZREM', KEYS[1], unpack(ours)) end
return {#ours, kept}
