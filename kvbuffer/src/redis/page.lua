-- A page of the set: whole entries of a range of scores, in their order, about so many bytes or entries. Entries of one score
-- belong to one page.
-- Few at a time, since only the entries themselves tell how large they are: the first thousand may be small, and the next large.
-- KEYS[1] set; ARGV[1] from, ARGV[2] to, ARGV[3] entries, ARGV[4] bytes. Returns lists of members and scores in turn.
local STEP = 32
local from, left, room = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
-- How many entries at the score `from` were taken already.
local taken, found = 0, {}
while true do
    local part = redis.call('ZRANGEBYSCORE', KEYS[1], from, ARGV[2], 'WITHSCORES', 'LIMIT', taken, STEP)
    if #part == 0 then break end
    found[#found + 1] = part
    for index = 1, #part, 2 do room = room - #part[index] end
    left = left - #part / 2
    if #part < 2 * STEP then break end
    local border, same = part[#part], 0
    while same < STEP and part[#part - 2 * same] == border do same = same + 1 end
    taken = (border == from) and taken + same or same
    from = border
    if left <= 0 or room <= 0 then
        found[#found + 1] =
            redis.call('ZRANGEBYSCORE', KEYS[1], border, border, 'WITHSCORES', 'LIMIT', taken, -1)
        break
    end
end
return found
