-- Records and reservations of a team.
-- KEYS: index, reservations.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('SCARD', KEYS[1]) + redis.call('ZCOUNT', KEYS[2], '(' .. now, '+inf')
