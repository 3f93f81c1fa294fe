-- Is anybody starting this sandbox?
-- KEYS: reservations. ARGV: sandbox id.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local lapses = redis.call('ZSCORE', KEYS[1], ARGV[1])
if lapses and tonumber(lapses) > now then return 0 end
return 1
