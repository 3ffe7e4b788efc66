-- Removes entries in a range of scores: only those of bootstraps, and only while the lease is ours.
-- Ends after 1,000 entries or a MiB of them, so that other clients do not wait for long.
-- A log position may have the same score as a bootstrap's sequence. Such an entry is not ours and is not removed.
-- KEYS: the set, the run. ARGV: our token, first and last score, how many entries to skip.
if redis.call('HGET', KEYS[2], 'token') ~= ARGV[1] then return {-1, 0} end
local skip, removed, kept = tonumber(ARGV[4]), 0, 0
local room, count, largest = 1048576, 1, 1
repeat
  local page = redis.call('ZRANGEBYSCORE', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', skip + kept, count)
  local ours, bytes = {}, 0
  for _, member in ipairs(page) do
    bytes = bytes + #member
    largest = math.max(largest, #member)
    if string.find(string.sub(member, 1, 64), '"position":"0/BOOTSTRAP', 1, true) then
      ours[#ours + 1] = member
    else
      kept = kept + 1
    end
  end
  if #ours > 0 then redis.call('ZREM', KEYS[1], unpack(ours)) end
  removed, room = removed + #ours, room - bytes
  -- The next ones are probably no larger. Few at a time, in case they are: a table of large rows may begin, or the packs of a
  -- table be large and small in turn.
  count = math.max(1, math.min(4, math.floor(room / largest)))
until #page == 0 or room <= 0 or removed + kept >= 1000
return {removed, kept}
