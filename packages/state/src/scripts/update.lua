-- Replaces a record if it is still of the version that was read. A record in transition keeps its time of falling due.
-- KEYS: record, expiration, transition. ARGV: version read, json, ends at in ms, due member.
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'json', ARGV[2])
redis.call('HINCRBY', KEYS[1], 'version', 1)
if redis.call('EXISTS', KEYS[3]) == 0 then redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4]) end
return 1
