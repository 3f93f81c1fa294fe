-- Writes a record and all that points to it.
-- KEYS: record, index, reservations, teams, expiration, owners, transition.
-- ARGV: sandbox id, team id, json, execution id, ends at in ms, due member, 'adopt' or 'commit'.
if ARGV[7] == 'adopt' then
  if redis.call('EXISTS', KEYS[1]) == 1 or redis.call('ZSCORE', KEYS[3], ARGV[1]) then return 0 end
end
redis.call('ZREM', KEYS[3], ARGV[1])
redis.call('DEL', KEYS[7])
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'json', ARGV[3], 'version', 1, 'execution', ARGV[4])
redis.call('SADD', KEYS[2], ARGV[1])
redis.call('SADD', KEYS[4], ARGV[2])
redis.call('ZADD', KEYS[5], ARGV[5], ARGV[6])
redis.call('HSET', KEYS[6], ARGV[1], ARGV[2])
return 1
