-- Puts a record into transition if it is of the version that was read and no other transition has begun since.
-- While its owner lives the record is not due; when the owner dies it falls due by itself.
-- KEYS: record, transition, expiration.
-- ARGV: version read, json, transition id, event, lifetime in ms, due member, id of the transition taken over or ''.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
local other = redis.call('HGET', KEYS[2], 'id')
if other and other ~= ARGV[7] then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'json', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'version', 1)
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[2], 'id', ARGV[3], 'event', ARGV[4])
redis.call('PEXPIRE', KEYS[2], ARGV[5])
redis.call('ZADD', KEYS[3], now + ARGV[5], ARGV[6])
return 1
