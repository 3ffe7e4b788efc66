-- A page of the set: whole entries of a range of scores, in their order, about so many bytes or entries.
-- Few at a time, since only the entries themselves tell how large they are: the first thousand may be small, and the next large.
-- KEYS[1] set; ARGV[1] from, ARGV[2] to, ARGV[3] entries, ARGV[4] bytes. Returns members and scores in turn.
local STEP = 8
local from, left, room = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}
while left > 0 and room > 0 do
    local part = redis.call('ZRANGEBYSCORE', KEYS[1], from, ARGV[2], 'WITHSCORES', 'LIMIT', 0, STEP)
    local count = #part / 2
    if count == STEP then
        -- Entries of one score belong to one page.
        local border = part[#part]
        if redis.call('ZCOUNT', KEYS[1], border, border) > 1 then
            while #part > 0 and part[#part] == border do
                part[#part] = nil
                part[#part] = nil
            end
            local same = redis.call('ZRANGEBYSCORE', KEYS[1], border, border, 'WITHSCORES')
            for index = 1, #same do part[#part + 1] = same[index] end
        end
    end
    for index = 1, #part do
        found[#found + 1] = part[index]
        if index % 2 == 1 then room = room - #part[index] end
    end
    left = left - #part / 2
    if count < STEP then break end
    from = '(' .. part[#part]
end
return found
