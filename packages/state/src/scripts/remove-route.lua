-- Takes a catalog entry away if it is of the execution given.
-- KEYS: entry. ARGV: execution id.
local json = redis.call('GET', KEYS[1])
if not json or cjson.decode(json).execution_id ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
