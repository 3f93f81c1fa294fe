-- The owner of a transition is alive.
-- KEYS: transition, expiration. ARGV: transition id, lifetime in ms, due member.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('ZADD', KEYS[2], now + ARGV[2], ARGV[3])
return 1
