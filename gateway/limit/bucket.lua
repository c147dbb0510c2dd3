-- Takes a token from each bucket, or from none if one is empty. A bucket is the moment, in microseconds,
-- at which it will be full; a moment that has passed is not kept.
-- KEYS: the buckets. ARGV: for each, how long a token takes to come back, and the whole bucket to fill.
-- Gives for each how far away the moment was before.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local kept = redis.call('MGET', unpack(KEYS))
local full, answer, taken = {}, {}, true
for i = 1, #KEYS do
  full[i] = math.max(tonumber(kept[i] or 0) or 0, now)
  local wait = full[i] + ARGV[2 * i - 1] - now - ARGV[2 * i]
  answer[i] = full[i] - now
  taken = taken and wait <= 0
end
if taken then
  for i, key in ipairs(KEYS) do
    local after = full[i] + ARGV[2 * i - 1]
    redis.call('SET', key, string.format('%.0f', after), 'PX', string.format('%.0f', math.ceil((after - now) / 1000)))
  end
end
return answer
