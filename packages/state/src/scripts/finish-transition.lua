-- Ends a transition, tells the joiners, and takes the record away or puts back what was read, changed.
-- KEYS: record, transition, outcome, expiration, index, owners, teams.
-- ARGV: transition id, outcome json, outcome lifetime in ms, version read, json or '' to take the record away,
--   due at in ms, due member, sandbox id, team id.
-- Answers 1 when done, 0 when the record has changed since it was read, -1 when the transition is not the caller's any more.
if redis.call('HGET', KEYS[2], 'id') ~= ARGV[1] then return -1 end
if ARGV[5] ~= '' and redis.call('HGET', KEYS[1], 'version') ~= ARGV[4] then return 0 end
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[3], ARGV[2], 'PX', ARGV[3])
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], 'json', ARGV[5])
  redis.call('HINCRBY', KEYS[1], 'version', 1)
  redis.call('ZADD', KEYS[4], ARGV[6], ARGV[7])
else
  redis.call('DEL', KEYS[1])
  redis.call('ZREM', KEYS[4], ARGV[7])
  redis.call('SREM', KEYS[5], ARGV[8])
  if redis.call('HGET', KEYS[6], ARGV[8]) == ARGV[9] then redis.call('HDEL', KEYS[6], ARGV[8]) end
  if redis.call('SCARD', KEYS[5]) == 0 then redis.call('SREM', KEYS[7], ARGV[9]) end
end
return 1
