-- All records of a team, as JSON.
-- KEYS: index. ARGV: what comes before an id in the name of a record.
local found = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  local json = redis.call('HGET', ARGV[1] .. id, 'json')
  if json then found[#found + 1] = json end
end
return found
