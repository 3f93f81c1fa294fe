-- Takes a record away if it is of the execution given.
-- KEYS: record, transition, expiration, index, owners, teams. ARGV: execution id, due member, sandbox id, team id.
if redis.call('HGET', KEYS[1], 'execution') ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1], KEYS[2])
redis.call('ZREM', KEYS[3], ARGV[2])
redis.call('SREM', KEYS[4], ARGV[3])
if redis.call('HGET', KEYS[5], ARGV[3]) == ARGV[4] then redis.call('HDEL', KEYS[5], ARGV[3]) end
if redis.call('SCARD', KEYS[4]) == 0 then redis.call('SREM', KEYS[6], ARGV[4]) end
return 1
