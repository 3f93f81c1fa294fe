-- Holds a place under a team's limit.
-- KEYS: record, index, reservations. ARGV: sandbox id, limit, lifetime in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
if redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 'in_flight' end
if redis.call('EXISTS', KEYS[1]) == 1 then return 'exists' end
if redis.call('SCARD', KEYS[2]) + redis.call('ZCARD', KEYS[3]) >= tonumber(ARGV[2]) then return 'limit_reached' end
redis.call('ZADD', KEYS[3], now + ARGV[3], ARGV[1])
redis.call('PEXPIRE', KEYS[3], ARGV[3])
return 'reserved'
